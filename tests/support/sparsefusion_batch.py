"""The two stored training samples of the released SparseFusion."""
from __future__ import annotations

from types import ModuleType

import numpy as np
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from sparse3d.structures.camera_rig import CameraRig
from sparsefusion.fusion_losses import CAMERA_PARTS
from sparsefusion.sparsefusion_head import SceneInput
from sparsefusion.view_objects import ViewObjects
from sparsefusion_golden import Golden

SAMPLES = (0, 1)
CODE = [0, 1, 2, 4, 3, 5]  # x, y, z, then sizes l, w, h from the stored w, l, h
LOSSES = {  # ours -> stored
    'loss_heatmap': 'loss_heatmap', 'loss_heatmap_2d': 'loss_heatmap_2d',
    'lidar_loss_cls': 'layer_pts_0_loss_cls', 'lidar_loss_bbox': 'layer_pts_0_loss_bbox',
    'view_loss_cls': 'view_loss_cls', 'view_loss_bbox': 'view_loss_bbox',
    'fusion_loss_cls': 'layer_fusion_0_loss_cls', 'fusion_loss_bbox': 'layer_fusion_0_loss_bbox',
    'camera_loss_cls': 'layer_img_0_loss_cls_2d',
    **{f'camera_loss_{name}': f'layer_img_0_loss_{name}' for name in CAMERA_PARTS}}


class Batch:
    """The two stored samples: features, cameras, and what there is to find."""

    def __init__(self, golden: Golden, case: ModuleType) -> None:
        self.stored = golden.load('loss')
        scenes, metas = [], []
        for sample in SAMPLES:
            features = golden.features('loss', case.SMALL_SHAPES, sample)
            prefix = f'in_{sample}_'
            scenes.append(case.scene_of(self.stored, prefix, *features, image_size=(160, 256)))
            parts = (self.stored[prefix + name] for name in (
                'cam_intrinsic', 'lidar2cam_r', 'lidar2cam_t'))
            metas.append(dict(lidar2img=case.projections(*parts),
                              valid_shape=self.stored[f'{prefix}valid_shape']))
        self.rig = CameraRig.from_metas(metas, (160, 256))
        self.levels = [torch.cat(level) for level in zip(*(s.images for s in scenes), strict=True)]
        for level in self.levels:
            level.requires_grad_()
        joined = {name: torch.cat([getattr(scene, name) for scene in scenes])
                  for name in ('bev', 'heights', 'occupied', 'depth')}
        self.scene = SceneInput(images=self.levels, rig=self.rig, **joined)
        self.instances = [self._instances(sample) for sample in SAMPLES]
        self.views = [self._views(sample) for sample in SAMPLES]
        self.seen = [torch.from_numpy(self.stored[f'gt_{sample}_visible_3d']) == 1
                     for sample in SAMPLES]

    def boxes(self, sample: int) -> Tensor:
        return old_boxes(self.stored[f'gt_{sample}_boxes_3d'])

    def _instances(self, sample: int) -> InstanceData:
        return InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(self.boxes(sample), box_dim=9),
            labels_3d=torch.from_numpy(self.stored[f'gt_{sample}_labels_3d']))

    def _views(self, sample: int) -> ViewObjects:
        found = {name: torch.from_numpy(self.stored[f'gt_{sample}_{name}']) for name in (
            'boxes_2d', 'labels_view', 'centers_2d_depth', 'boxes_cam')}
        boxes = found['boxes_cam'].clone()
        boxes[:, 1] -= boxes[:, 4] / 2  # bottom to middle, y looks down
        labels, view = found['labels_view'].unbind(1)
        centers = found['centers_2d_depth'].float()
        return ViewObjects(row=torch.zeros_like(view), view=view, labels=labels,
                           pixels=centers[:, :2], depth=centers[:, 2],
                           size_2d=found['boxes_2d'][:, 2:], boxes=boxes)


def old_boxes(boxes: np.ndarray) -> Tensor:
    """Boxes of mmdet3d 0.x (bottom, w, l, h, old yaw, velocity) as ours."""
    turned = boxes[:, [0, 1, 2, 4, 3, 5, 6, 7, 8]].copy()
    turned[:, 6] = -boxes[:, 6] - np.pi / 2
    return torch.from_numpy(turned).float()
