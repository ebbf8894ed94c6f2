"""Sparse-Dense Fusion at its published sizes: time of each part, memory that each keeps."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from sparse3d.engine.timing import measure
from sparse3d.ops.sparse_depth import sparse_depth
from sparse3d.plugins import config_home
from sparse3d_benchmarks.sparsefusion_frame import IMAGE_SIZE, POINTS, DrawnFrame
from sparse_dense_fusion.detector import DEPTH_STRIDE, look_again

MODEL = 'sparse_dense_fusion/_base_/models/sdf_r50.py'
BATCH = 4  # samples on a GPU in the recipe
GIGABYTE = 1e9
LIDAR, LIFT, LOOK = 'LiDAR backbone', 'camera lift', 'query fusion'


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for every part, their sum, and the memory of a training step by part.

    On the CPU with estimated memory, then, if there is one, on a GPU with measured memory.
    """
    model = build().eval()
    where = f'{threads} threads'
    rows = time_rows(model, DrawnFrame.draw(), where, min(repeats, 2)) + memory_rows(model)
    if torch.cuda.is_available():
        where = torch.cuda.get_device_name()
        on_gpu = [*time_rows(model.eval().cuda(), DrawnFrame.draw('cuda'), where, repeats),
                  _gpu_memory_row(model)]
        rows += [row | dict(name=f'{row["name"]}, GPU') for row in on_gpu]
    return rows


def build() -> nn.Module:
    """The model at its published sizes, drawn weights."""
    torch.manual_seed(0)
    init_default_scope('mmdet3d')
    return MODELS.build(Config.fromfile(config_home() / MODEL).model)


@dataclass
class Parts:
    """The parts of a detector on one frame, each a function of what earlier ones left behind."""

    model: nn.Module
    frame: DrawnFrame
    made: dict[str, Any] = field(default_factory=dict)

    def in_order(self) -> dict[str, Callable[[], Any]]:
        """Name and function of each part."""
        model, frame, made = self.model, self.frame, self.made
        head = model.bbox_head
        made['depth'] = sparse_depth([frame.points], frame.rig, DEPTH_STRIDE)

        def keep(name: str, value: Any) -> Any:
            made[name] = value
            return value

        return {
            'voxelization': lambda: keep(
                'voxels', model.data_preprocessor.voxelize([frame.points], [])),
            LIDAR: lambda: keep('map', model.lidar_map(made['voxels'], 1, frame.points.device)[0]),
            'image backbone and pyramid': lambda: keep(
                'images', list(model.image_neck(model.image_backbone(frame.images)))),
            LIFT: lambda: keep('cameras', model.camera_lift(
                made['images'], made['depth'], frame.rig, head.coder)[0]),
            'map fusion': lambda: keep('bev', model.map_fusion(
                head.map_of(made['map']), made['cameras'])),
            'TransFusion head': lambda: keep('found', head.detect_on(made['bev'])),
            LOOK: lambda: keep('last', look_again(
                head, model.query_fusion, made['found'], made['images'], frame.rig))}


@torch.no_grad()
def time_rows(model: nn.Module, frame: DrawnFrame, where: str, repeats: int) -> list[dict]:
    """Milliseconds of each part, and frames per second of all with and without the branches."""
    note = f'{POINTS:,} drawn points, 6 images of {IMAGE_SIZE[1]} x {IMAGE_SIZE[0]}, {where}'
    timings = {name: measure(part, repeats, warmup=1)
               for name, part in Parts(model, frame).in_order().items()}
    rows = [dict(name=name, value=timing.milliseconds, unit='ms', note=note)
            for name, timing in timings.items()]
    lidar = sum(timings[name].median for name in ('voxelization', LIDAR, 'TransFusion head'))
    whole = sum(timing.median for timing in timings.values())
    return [*rows, dict(name='whole frame', value=1 / whole, unit='frames/s', baseline=1 / lidar,
                        ratio=lidar / whole, original=False,
                        note=f'sum of the parts above, against those of '
                        f'TransFusion-L among them; {note}')]


def memory_rows(model: nn.Module) -> list[dict]:
    """What each part of a training step keeps for its way back, of one sample, and the sum for a
    batch with weights, gradients and AdamW."""
    frame = DrawnFrame.draw()
    _train_without_dropout(model)
    kept: dict[int, tuple[int, str]] = {}
    weights = {value.untyped_storage().data_ptr() for value in model.parameters()}
    parts = Parts(model, frame)
    for name, part in parts.in_order().items():
        with _counted(kept, name):
            part()
    objects = [sample.gt_instances_3d for sample in frame.batch(1)[1]]
    with _counted(kept, 'losses'):
        losses = model.bbox_head.loss_of(parts.made['last'], objects)
    assert all(value.isfinite().all() for value in losses.values())
    sizes = dict.fromkeys([*parts.in_order(), 'losses'], 0)
    for pointer, (size, name) in kept.items():
        if pointer not in weights:
            sizes[name] += size
    rows = [dict(name=f'memory kept by {name}, a sample', value=size / GIGABYTE, unit='GB',
                 note='float32, counted tensors, without the workspace of kernels')
            for name, size in sizes.items() if size]
    trained = sum(value.numel() for value in model.parameters() if value.requires_grad)
    fixed = 4 * (sum(value.numel() for value in model.parameters()) + 3 * trained)
    total = fixed + BATCH * sum(sizes.values())
    return [*rows, dict(
        name=f'memory of a training step, {BATCH} samples, estimated', value=total / GIGABYTE,
        unit='GB', note=f'float32, LiDAR frozen, no dropout: {BATCH} x '
        f'{sum(sizes.values()) / GIGABYTE:.2f} GB of kept tensors and {fixed / GIGABYTE:.2f} GB of '
        'weights, gradients and AdamW; without the workspace of kernels')]


@contextmanager
def _counted(kept: dict[int, tuple[int, str]], name: str) -> Iterator[None]:
    """Note storages that are kept for the way back, each for the first part that keeps it."""
    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept.setdefault(storage.data_ptr(), (storage.nbytes(), name))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield


def _gpu_memory_row(model: nn.Module) -> dict:
    """The most that two training steps of the recipe's batch hold at a time, measured."""
    model.train()
    optimizer = torch.optim.AdamW(
        [value for value in model.parameters() if value.requires_grad], lr=1e-6)
    inputs, samples = DrawnFrame.draw('cuda').batch(BATCH)
    torch.cuda.reset_peak_memory_stats()
    for _ in range(2):  # AdamW makes its moments in the first
        inputs['voxels'] = model.data_preprocessor.voxelize(inputs['points'], samples)
        losses, _ = model.parse_losses(model(inputs, samples, mode='loss'))
        optimizer.zero_grad()
        losses.backward()
        optimizer.step()
    return dict(name=f'memory of a training step, {BATCH} samples',
                value=torch.cuda.max_memory_allocated() / GIGABYTE, unit='GB',
                note=f'float32, LiDAR frozen, measured on {torch.cuda.get_device_name()}')


def _train_without_dropout(model: nn.Module) -> None:
    """Dropout keeps masks that fused attention on a GPU does not."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
