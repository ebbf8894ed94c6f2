"""SparseFusion at the published sizes: its stages, its views at once against one by one."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet3d.registry import MODELS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from torch import Tensor, nn

from sparse3d.apis.benchmarks.timing import Timing, measure
from sparse3d.heads.transfusion_decoder import scaled_attention
from sparsefusion.camera_rig import CameraRig
from sparsefusion.image_pyramid import ImagePyramid
from sparsefusion.per_view_loop import decode_view_by_view
from sparsefusion.positions import logit
from sparsefusion.sparse_depth import sparse_depth
from sparsefusion.sparsefusion_head import SceneInput, SparseFusionHead
from sparsefusion.view_groups import ViewGroups

CONFIG = (Path(__file__).resolve().parents[2]
          / 'configs/_base_/models/sparsefusion_r50.py')
IMAGE_SIZE = (448, 800)
POINTS = 200_000  # ten sweeps within the range
FOCAL = 633.0     # pixels at this size
GIGABYTE = 1e9


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for every stage, for the views, and for the memory of a training step."""
    torch.manual_seed(0)
    init_default_scope('mmdet3d')
    model = MODELS.build(Config.fromfile(CONFIG).model).eval()
    few = min(repeats, 2)  # a stage takes seconds on a CPU
    inputs = _inputs()
    rows = _stage_rows(model, inputs, threads, few)
    rows += _view_rows(model.bbox_head, inputs, threads, few)
    return rows + [_attention_row(threads, repeats), _memory_row(model, inputs)]


def _inputs() -> dict[str, Any]:
    """A drawn scene: points all round, denser nearby, on random ground, and six cameras."""
    random = np.random.default_rng(0)
    distance, angle = 54 * random.random(POINTS) ** 1.5, random.uniform(-np.pi, np.pi, POINTS)
    points = np.column_stack([
        distance * np.cos(angle), distance * np.sin(angle), random.normal(-1.2, 0.6, POINTS),
        random.uniform(0, 255, POINTS), 0.05 * random.integers(0, 10, POINTS)])
    forward = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    height, width = IMAGE_SIZE
    intrinsics = np.array([[FOCAL, 0, width / 2], [0, FOCAL, height / 2], [0, 0, 1]])
    matrices = np.tile(np.eye(4), (6, 1, 1))
    for view, turn in enumerate(np.arange(6) * np.pi / 3):
        about_z = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0],
                            [0, 0, 1]])
        matrices[view, :3, :3] = intrinsics @ forward @ about_z
    rig = CameraRig.from_metas([dict(lidar2img=matrices, img_shape=IMAGE_SIZE)], IMAGE_SIZE)
    return dict(points=torch.from_numpy(points).float(), rig=rig,
                images=torch.randn(6, 3, *IMAGE_SIZE))


@torch.no_grad()
def _scene(model: nn.Module, inputs: dict[str, Any]) -> SceneInput:
    voxels = model.data_preprocessor.voxelize([inputs['points']], [])
    bev, heights, occupied = model._map(voxels, 1, torch.device('cpu'))
    images = list(model.image_neck(model.image_backbone(inputs['images'])))
    return SceneInput(bev, heights, occupied, images, sparse_depth([inputs['points']],
                                                                   inputs['rig']), inputs['rig'])


def _stage_rows(model: nn.Module, inputs: dict[str, Any], threads: int,
                repeats: int) -> list[dict]:
    scene = _scene(model, inputs)
    voxels = model.data_preprocessor.voxelize([inputs['points']], [])
    note = (f'{POINTS:,} drawn points, {len(voxels["coors"]):,} voxels, 6 images of '
            f'{IMAGE_SIZE[1]} x {IMAGE_SIZE[0]}, {threads} threads')
    stages: dict[str, Callable] = {
        'voxelization': lambda: model.data_preprocessor.voxelize([inputs['points']], []),
        'LiDAR backbone': lambda: model._map(voxels, 1, torch.device('cpu')),
        'image backbone and pyramid': lambda: model.image_neck(
            model.image_backbone(inputs['images'])),
        'head': lambda: model.bbox_head(scene)}
    timings = {}
    with torch.no_grad():
        for name, stage in stages.items():
            timings[name] = measure(stage, repeats, warmup=1)
    rows = [_row(name, timing, note=note) for name, timing in timings.items()]
    whole = sum(timing.median for timing in timings.values())
    rows.append(dict(name='whole frame, voxelization included', value=1 / whole,
                     unit='frames/s', note=f'sum of the stages above; float32; {note}'))
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        half = measure(stages['head'], repeats, warmup=1)
    rows.append(_row('head in bfloat16', half, timings['head'], f'against float32; {note}'))
    return rows


def _row(name: str, timing: Timing, baseline: Timing | None = None, note: str = '') -> dict:
    row = dict(name=name, value=timing.milliseconds, unit='ms', note=note)
    if baseline is not None:
        row.update(baseline=baseline.milliseconds, ratio=baseline.median / timing.median)
    return row


@torch.no_grad()
def _view_rows(head: SparseFusionHead, inputs: dict[str, Any], threads: int,
               repeats: int) -> list[dict]:
    """The deformable layer of semantic transfer: all views at once, and one by one."""
    scene = _scene_of_cells(head, inputs)
    layer = head.semantic_transfer.decoder
    cells, positions, references, member, images = scene

    def at_once() -> Tensor:
        groups = ViewGroups.of(member)
        found = layer(groups.take_shared(cells), groups.take(positions),
                      groups.take(references), groups.padding, images)
        return groups.put_back(found, 1, cells.shape[1])

    one_by_one = partial(decode_view_by_view, layer, *scene)
    first, second = at_once(), one_by_one()
    seen = second.isfinite()
    agreement = float((first[seen] - second[seen]).abs().max())
    counts = member.sum(1)
    note = (f'{int(counts.sum()):,} cells in 6 views, {int(counts.max()):,} in the fullest, '
            f'{threads} threads; both agree within {agreement:.1e}')
    return [_row('semantic transfer, views at once', measure(at_once, repeats, warmup=1),
                 measure(one_by_one, repeats, warmup=1), f'against a loop over views; {note}')]


@torch.no_grad()
def _attention_row(threads: int, repeats: int) -> dict:
    """Attention with masked keys, in evaluation: ours and PyTorch's module, the same weights."""
    layer = nn.MultiheadAttention(128, 8, batch_first=True).eval()
    cells, padding = torch.randn(4, 1200, 128), torch.zeros(4, 1200, dtype=torch.bool)
    padding[:, -100:] = True

    def module() -> Tensor:
        return layer(cells, cells, cells, key_padding_mask=padding, need_weights=False)[0]

    def ours() -> Tensor:
        return scaled_attention(layer, cells, cells, padding)

    agreement = float((ours() - module()).abs().max())
    return _row('attention of 4 x 1,200 queries, masked keys', measure(ours, repeats),
                measure(module, repeats), 'against nn.MultiheadAttention in evaluation; '
                f'{threads} threads; both agree within {agreement:.1e}')


def _scene_of_cells(head: SparseFusionHead, inputs: dict[str, Any]) -> tuple:
    rig = inputs['rig']
    xy = torch.cartesian_prod(torch.arange(180.0), torch.arange(180.0)) + 0.5
    points = torch.cat([head.coder.to_metres(xy), torch.full((len(xy), 1), -1.2)], dim=1)[None]
    occupied = torch.rand(len(xy)) < 0.4
    pixels, depth = rig.project(points)
    size = pixels.new_tensor([IMAGE_SIZE[1], IMAGE_SIZE[0]])
    member = ((pixels >= 0) & (pixels < size)).all(-1) & (depth > 0) & occupied
    references = (pixels / size).clamp(0, 1)[0]
    positions = torch.cat([logit(references), depth[0, ..., None].clamp(min=0.1).log()], dim=-1)
    levels = [torch.randn(6, 128, *(side // stride for side in IMAGE_SIZE))
              for stride in (4, 8, 16, 32)]
    return (torch.randn(1, len(xy), 128), positions, references, member[0],
            ImagePyramid.of(levels, rig, 4))


def _memory_row(model: nn.Module, inputs: dict[str, Any]) -> dict:
    """What a training step keeps for its way back, counted, not measured on a device."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    scene = _scene(model, inputs)
    objects = InstanceData(bboxes_3d=LiDARInstance3DBoxes(torch.tensor(
        [[10.0, 3, -1, 4, 2, 1.5, 0, 0, 0]]), box_dim=9), labels_3d=torch.tensor([0]))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        scene.images = list(model.image_neck(model.image_backbone(inputs['images'])))
        model.bbox_head.loss(scene, [objects])
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
    weights = {value.untyped_storage().data_ptr() for value in model.parameters()}
    activations = sum(size for pointer, size in kept.items() if pointer not in weights)
    fixed = 4 * (sum(value.numel() for value in model.parameters()) + 3 * trained)
    return dict(name='memory of a training step, 4 samples, estimated',
                value=(fixed + 4 * activations) / GIGABYTE, unit='GB', baseline=29.0,
                ratio=29.0 * GIGABYTE / (fixed + 4 * activations),
                note=f'float32, LiDAR frozen, no dropout: 4 x {activations / GIGABYTE:.2f} GB of '
                     f'kept tensors and {fixed / GIGABYTE:.2f} GB of weights, gradients and '
                     'AdamW; without the workspace of kernels; the release is said to need 29 GB')
