"""The whole published model in the stored training: three frames of two samples."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor, nn

import sparse4d.register  # noqa: F401
from sparse3d.structures.cameras import Cameras
from sparse4d.denoising import noise_of
from sparse4d.detector import Sparse4D
from sparse4d.frame import Frame
from sparse4d.published_names import ours
from sparse4d.training import Objects
from sparsebev_published import filled

ANCHORS, TEMPORAL = 100, 60
STEPS = (0, 1, 3)  # of part 1
QUIRKS = dict(swapped_yaw=True, stale_keys=True, scenes_by_time=True, unsorted_class_scores=True,
              noisy_key_points=True, ids_restart=True)
MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def published_state(folder: Path) -> dict[str, Tensor]:
    """The released weights under our names, of the first 100 anchors."""
    state = {}
    for name, shape, *value in json.loads((folder / 'state.json').read_text()):
        array = np.array(value[0], np.float32).reshape(shape) if value else filled(name, shape)
        found = ours(name)
        if found is not None:
            rows = ANCHORS if '.bank.' in found else None
            state[found] = torch.from_numpy(np.ascontiguousarray(array))[
                :rows].clone() if array.ndim else torch.from_numpy(array)
    return state


def published_model(folder: Path, train_norms: bool) -> Sparse4D:
    """The detector in training, without anything random."""
    init_default_scope('mmdet3d')
    model = MODELS.build(dict(
        type='Sparse4D',
        backbone=dict(type='mmdet.ResNet', depth=50, num_stages=4, out_indices=(0, 1, 2, 3),
                      frozen_stages=-1, norm_cfg=dict(type='BN', requires_grad=True),
                      norm_eval=not train_norms, style='pytorch'),
        neck=dict(type='mmdet.FPN', in_channels=[256, 512, 1024, 2048], out_channels=256,
                  num_outs=4),
        bbox_head=dict(
            type='Sparse4DHead', num_classes=10,
            bank=dict(num_anchors=ANCHORS, num_temporal=TEMPORAL),
            decoder=dict(dropout=0.0, weights_dropout=0.0)),
        training=dict(
            type='Sparse4DTraining', num_classes=10,
            matching=dict(round_classes=[9]),
            losses=dict(reversible_classes=[5])),
        depth_branch=dict(type='DepthBranch'), published=QUIRKS))
    missing, unexpected = model.load_state_dict(published_state(folder), strict=False)
    assert not unexpected and all(name.startswith('losses.') for name in missing), (
        missing, unexpected)
    for module in model.train().modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return model


class StoredTraining:
    """Runs a frame after the other; ``losses`` and ``outputs`` are those of the last one."""

    def __init__(self, folder: Path, train_norms: bool = False) -> None:
        self.model = published_model(folder, train_norms)
        self.inputs = dict(np.load(folder / 'inputs.npz'))
        self.stored = dict(np.load(folder / 'train_inputs.npz'))
        self.outputs = None
        self.model.bbox_head.register_forward_hook(self._keep)

    def _keep(self, module, arguments, output) -> None:
        self.outputs = output[0]

    def run(self, number: int) -> dict[str, Tensor]:
        """Losses of a frame."""
        images = torch.from_numpy(self.inputs['img'][STEPS[number]]).float().flip(2)
        images = (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        self.maps = self.model.extract_feat(dict(imgs=images))
        objects = self.objects(number)
        draws = [torch.from_numpy(self.stored[f'rand_{3 * number + place}']).unflatten(0, (5, 2))
                 for place in range(3)]
        denoised = self.model.losses.noisy(objects, self.model.last_frame.groups, (ANCHORS, 256),
                                           True, noise_of(*draws))
        losses = self.model.instance_losses(self.maps, self.frame(number), objects, denoised,
                                            torch.from_numpy(self.stored[f'perm_{number}']))
        self.denoised = denoised
        self.depths = self.model.depth_branch(
            self.maps, torch.from_numpy(self.inputs['focal']).float())
        wanted = [torch.from_numpy(self.stored[f'gt_depth{level}_{number}']) for level in range(3)]
        losses['loss_dense_depth'] = self.model.depth_branch.loss(self.depths, wanted)
        return losses

    def objects(self, number: int) -> Objects:
        """Labeled objects of a frame."""
        return Objects(*([torch.from_numpy(self.stored[f'gt_{what}_{number}{sample}'])
                          for sample in range(2)] for what in ('boxes', 'labels', 'ids')))

    def frame(self, number: int) -> Frame:
        """Cameras, times and poses of a frame."""
        step = STEPS[number]
        width, height = self.inputs['image_wh'][0, 0]
        cameras = Cameras.of_matrices(
            torch.from_numpy(self.inputs['projection_mat']).float(), (int(height), int(width)))
        return Frame(cameras, torch.from_numpy(self.inputs['timestamp'][step]),
                     torch.from_numpy(self.inputs['T_global'][step]))
