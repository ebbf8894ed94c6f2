"""Focal layer and whole encoders against the released way of computing them."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from spconv.pytorch import SparseConvTensor
from torch import Tensor

from focalsconv.focal_sparse_convolution import FocalOptions, FocalSparseConvolution
from focalsconv.importance import Importance
from focalsconv.importance_loss import importance_loss, inside_boxes, voxel_corners
from focalsconv.published import FocalsConvPublished
from sparse3d.engine.timing import Timing, measure
from sparse3d.ops.voxelization import mean_voxelize
from sparse3d.simulate.sweep import drawn_sweep
from sparse3d_benchmarks.focalsconv_encoder import KITTI, NUSCENES, encoder_inputs, encoder_rows
from sparse3d_benchmarks.focalsconv_loop import dilate_in_a_loop, importance_loss_in_a_loop
from sparse3d_benchmarks.peak_memory import peak_mebibytes
from sparse3d_benchmarks.sweep import full_sweep, real_files

VOXEL_SIZE = (0.05, 0.05, 0.1)
RANGE = (0.0, -40.0, -3.0, 70.4, 40.0, 1.0)
GRID = [41, 1600, 1408]
BATCH, BOXES, CHANNELS = 4, 20, 16


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the layer without its convolution and for whole encoders, KITTI and nuScenes."""
    features, coordinates, source = voxels()
    layer = LayerInputs(features, coordinates)
    where = f'{len(coordinates):,} voxels of {source}, batch {BATCH}, {threads} threads'
    dilated = f'grows to {len(layer.ours()[0]):,}, random importance; '
    note = f'{where}, {dilated}loop over samples, float keys, all-boxes table'
    with torch.no_grad():
        rows = [_row('focal layer without convolution, forward', measure(layer.ours, repeats),
                     measure(layer.published, repeats), f'{note}; {layer.agreement()}'),
                _memory_row('focal layer without convolution, peak memory', layer, note)]
    rows.append(_row('focal layer without convolution, forward and backward',
                     measure(layer.train(layer.ours), repeats),
                     measure(layer.train(layer.published), repeats), note))
    given = features, coordinates, layer.boxes
    for data, grid, (features, coordinates, boxes), place in (
            ('KITTI', KITTI, given, source), ('nuScenes', NUSCENES, *_nuscenes_voxels())):
        where = f'{len(coordinates):,} voxels of {place}, batch {len(boxes)}, {threads} threads'
        rows += [row | dict(name=f'{data} {row["name"]}') for row in _all_encoder_rows(
            (features, coordinates, boxes, grid), where, min(repeats, 3))]
    return rows


def _all_encoder_rows(given: tuple, where: str, repeats: int) -> list[dict]:
    """On the CPU and, if there is one, on a GPU in three precisions."""
    rows = encoder_rows(encoder_inputs(*given), where, repeats, measure, peak_mebibytes)
    if torch.cuda.is_available():
        rows += encoder_rows(
            encoder_inputs(*given, device='cuda'), f'{where}; {torch.cuda.get_device_name()}',
            10 * repeats, measure, _peak_mebibytes_on_gpu,
            (None, torch.bfloat16, torch.float16))
    return rows


class LayerInputs:
    """One batch at stage 1 and the two ways of computing everything but the convolutions."""

    def __init__(self, features: Tensor, coordinates: Tensor) -> None:
        random = torch.Generator().manual_seed(0)
        count = len(coordinates)
        self.features = torch.randn(count, CHANNELS, generator=random, requires_grad=True)
        self.logits = torch.randn(count, 27, generator=random, requires_grad=True)
        self.coordinates = coordinates
        self.corners = voxel_corners(coordinates, 1, torch.tensor(VOXEL_SIZE),
                                     torch.tensor(RANGE[:3]))
        self.boxes = [_boxes_at(self.corners[coordinates[:, 0] == sample], random)
                      for sample in range(BATCH)]
        options = FocalOptions(mask_multi=True, published=FocalsConvPublished(skip_index_zero=True))
        self.layer = FocalSparseConvolution(CHANNELS, 3, 0, options, dict(type='BN1d'), '', '')
        # What the layers above would send back; computing it is no part of this layer.
        self.gradient = torch.randn(self.ours()[1].shape, generator=random)

    def ours(self) -> tuple[Tensor, Tensor, Tensor]:
        voxels = SparseConvTensor(self.features, self.coordinates, GRID, BATCH)
        importance = Importance(self.logits, self.coordinates, BATCH)
        cells, values, _ = self.layer.dilate(voxels, importance)
        targets = inside_boxes(self.corners, self.coordinates[:, 0].long(), self.boxes)
        return cells, values, importance_loss(importance.voxel_scores, targets)

    def published(self) -> tuple[Tensor, Tensor, Tensor]:
        cells, values = dilate_in_a_loop(self.features, self.coordinates, self.logits,
                                         self.layer.offsets, GRID, BATCH)
        loss = importance_loss_in_a_loop(self.logits, self.corners, self.coordinates, self.boxes)
        return cells, values, loss

    def train(self, way: Callable) -> Callable:
        def step():
            _, values, loss = way()
            torch.autograd.backward((values, loss), (self.gradient, None))
        return step

    def agreement(self) -> str:
        """Whether both ways give the same voxels and loss (their weights differ by rounding)."""
        ours, published = self.ours(), self.published()
        same = torch.equal(ours[0], published[0]) and torch.allclose(ours[2], published[2])
        return 'same voxels and loss' if same else 'DIFFERENT VOXELS OR LOSS'


def voxels() -> tuple[Tensor, Tensor, str]:
    """Mean features and coordinates of four clouds in the camera's field of view."""
    clouds = [torch.from_numpy(np.fromfile(path, '<f4').reshape(-1, 4))
              for path in real_files('kitti/training/velodyne/*.bin')[:BATCH]]
    source = 'KITTI frames' if clouds else 'drawn sweeps'
    clouds = clouds or [drawn_sweep(seed)[:, :4] for seed in range(BATCH)]
    mirrored = [cloud * torch.tensor([1., -1., 1., 1.]) for cloud in clouds]
    features, coordinates = [], []
    for sample, cloud in enumerate((clouds + mirrored)[:BATCH]):
        seen = cloud[cloud[:, 1].abs() < 0.85 * cloud[:, 0]]
        mean, cells, _ = mean_voxelize(seen, VOXEL_SIZE, RANGE)
        features.append(mean)
        coordinates.append(torch.nn.functional.pad(cells, (1, 0), value=sample))
    return torch.cat(features), torch.cat(coordinates).int(), source


def _nuscenes_voxels() -> tuple[tuple[Tensor, Tensor, list[Tensor]], str]:
    """Four mirrored copies of a sweep at 0.075 m, and boxes put into them."""
    sweep, source = full_sweep()
    features, coordinates = [], []
    for sample, signs in enumerate(((1., 1.), (1., -1.), (-1., 1.), (-1., -1.))[:BATCH]):
        cloud = sweep[:, :5] * torch.tensor([*signs, 1, 1, 1])
        mean, cells, _ = mean_voxelize(cloud, NUSCENES['voxel_size'],
                                       NUSCENES['point_cloud_range'])
        features.append(mean)
        coordinates.append(torch.nn.functional.pad(cells, (1, 0), value=sample))
    coordinates = torch.cat(coordinates).int()
    corners = voxel_corners(coordinates, 1, torch.tensor(NUSCENES['voxel_size']),
                            torch.tensor(NUSCENES['point_cloud_range'][:3]).float())
    random = torch.Generator().manual_seed(0)
    boxes = [_boxes_at(corners[coordinates[:, 0] == sample], random) for sample in range(BATCH)]
    return (torch.cat(features), coordinates, boxes), f'a {source}'


def _boxes_at(corners: Tensor, random: torch.Generator) -> Tensor:
    """Cars put where there are points, [BOXES, 7]."""
    chosen = corners[torch.randint(len(corners), (BOXES,), generator=random)]
    yaw = torch.rand(BOXES, 1, generator=random) * 6.28
    return torch.cat([chosen, torch.tensor([[3.9, 1.6, 1.56]]).expand(BOXES, 3), yaw], 1)


def _peak_mebibytes_on_gpu(function: Callable[[], object]) -> float:
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    return (torch.cuda.max_memory_allocated() - before) / 2 ** 20


def _memory_row(name: str, layer: LayerInputs, note: str) -> dict:
    ours, published = peak_mebibytes(layer.ours), peak_mebibytes(layer.published)
    return dict(name=name, value=ours, unit='MiB', baseline=published, ratio=published / ours,
                note=note)


def _row(name: str, ours: Timing, baseline: Timing, note: str) -> dict:
    return dict(name=name, value=ours.milliseconds, unit='ms', baseline=baseline.milliseconds,
                ratio=baseline.median / ours.median, note=note)
