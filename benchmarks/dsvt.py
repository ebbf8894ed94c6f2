"""Partition and attention against the released way, memory, and the whole model."""
from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dsvt.dsvt_encoder import DSVTEncoder, EncoderTables
from dsvt.iou_center_head import IoUCenterHead
from dsvt.residual_bev_backbone import ResidualBEVBackbone
from dsvt.rotated_sets import rotated_sets
from dsvt.set_attention import SetAttention
from dsvt.window_partition import Window
from sparse3d.engine.timing import Timing, measure
from sparse3d.models.voxel_encoders import DynamicVoxelEncoder
from sparse3d.ops.voxelization import mean_voxelize, voxel_coordinates
from sparse3d_benchmarks.dsvt_slots import attend_slot_by_slot, sets_by_padding
from sparse3d_benchmarks.peak_memory import peak_mebibytes
from sparse3d_benchmarks.sweep import full_sweep

# Published grids: voxel size, range, windows of both configurations, set size.
GRIDS = {
    'Waymo pillar': ((0.32, 0.32, 6), (-74.88, -74.88, -2, 74.88, 74.88, 4),
                     ((12, 12, 1), (24, 24, 1)), 6, 36),
    'Waymo voxel': ((0.32, 0.32, 0.1875), (-74.88, -74.88, -2, 74.88, 74.88, 4),
                    ((12, 12, 32), (24, 24, 32)), 6, 48),
    'nuScenes pillar': ((0.3, 0.3, 8), (-54, -54, -5, 54, 54, 3),
                        ((30, 30, 1), (30, 30, 1)), 15, 90),
}
LEVEL = 1.84  # meters from the ground to the sensor
MODEL_RANGE = (-25.6, -25.6, -2, 25.6, 25.6, 4)
MODEL_GRID = (160, 160, 1)
COMPILE = True  # takes a minute or two


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for partitions, one attention layer, blocks in training, and the whole model."""
    cloud, source = sweeps()
    rows = [_partition_row(name, cloud, source, threads, repeats) for name in GRIDS]
    rows += _attention_rows(cloud, source, threads, repeats)
    rows += _training_rows(cloud, source, threads, max(1, repeats // 5))
    return rows + _model_rows(cloud, source, threads, max(1, repeats // 5))


def sweeps() -> tuple[list[Tensor], str]:
    """Two clouds [N, 5] as a batch: the sweep, and the sweep turned and made larger."""
    points, source = full_sweep()
    points = torch.cat([points[:, :4], torch.zeros(len(points), 1)], 1)
    points[:, 2] += LEVEL
    points[:, 3] = (points[:, 3] / 255).tanh()
    turned = points.clone()
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    turned[:, :2] = 1.1 * points[:, :2] @ turn.T
    return [points, turned], source


def _voxels(clouds: list[Tensor], size: tuple, limits: tuple) -> Tensor:
    """Coordinates [N, 4] of the voxels of a batch."""
    cells = [mean_voxelize(points, size, limits)[1] for points in clouds]
    return torch.cat([nn.functional.pad(of_sample, (1, 0), value=sample)
                      for sample, of_sample in enumerate(cells)])


def _windows(name: str) -> tuple[list[Window], int]:
    size, limits, shapes, shift, set_size = GRIDS[name]
    grid = tuple(round((limits[axis + 3] - limits[axis]) / size[axis]) for axis in range(3))
    shifts = ((0, 0, 0), (shift, shift, 0))
    return [Window(shape, by, grid) for shape, by in zip(shapes, shifts, strict=True)], set_size


def _partition_row(name: str, clouds: list[Tensor], source: str, threads: int,
                   repeats: int) -> dict:
    coordinates = _voxels(clouds, *GRIDS[name][:2])
    windows, set_size = _windows(name)

    def ours():
        return [rotated_sets(coordinates, window, set_size) for window in windows]

    def published():
        return [sets_by_padding(coordinates, window, set_size) for window in windows]

    same = all(torch.equal(mine.voxels, voxels) and torch.equal(mine.repeated, repeated)
               for mine, (voxels, repeated) in zip(ours(), published(), strict=True))
    note = (f'{len(coordinates):,} voxels of a {source} and its turned copy, both window '
            f'configurations, {threads} threads; released: padded tables; '
            f'{"same sets" if same else "DIFFERENT SETS"}')
    return _row(f'partition into sets, {name}', measure(ours, repeats),
                measure(published, repeats), note)


def _attention_rows(clouds: list[Tensor], source: str, threads: int, repeats: int) -> list[dict]:
    coordinates = _voxels(clouds[:1], *GRIDS['Waymo pillar'][:2])
    windows, set_size = _windows('Waymo pillar')
    sets = rotated_sets(coordinates, windows[0], set_size)
    torch.manual_seed(0)
    attention = SetAttention(192, 8, 384).eval()
    features, position = torch.randn(2, len(coordinates), 192)
    shared = sets.voxels[0], sets.repeated[0]

    def ours():
        return attention(features, position, shared[0], ~shared[1], sets.slot_of_voxel[0])

    def published():
        return attend_slot_by_slot(attention, features, position, *shared)

    def step(way: Callable[[], Tensor]) -> Callable[[], None]:
        return lambda: way().square().mean().backward()

    with torch.no_grad():
        apart = (ours() - published()).abs().max().item()
        forward = measure(ours, repeats), measure(published, repeats)
    note = (f'{len(coordinates):,} pillars of a {source} in {len(shared[0]):,} sets of '
            f'{set_size}, 192 channels, {threads} threads; released: every slot projected; '
            f'apart by {apart:.0e}')
    return [_row('set attention layer, forward', *forward, note),
            _row('set attention layer, forward and backward', measure(step(ours), repeats),
                 measure(step(published), repeats), note)]


def _training_rows(clouds: list[Tensor], source: str, threads: int, repeats: int) -> list[dict]:
    coordinates = _voxels(clouds[:1], *GRIDS['Waymo pillar'][:2])
    torch.manual_seed(0)
    encoder = DSVTEncoder((468, 468, 1)).train()
    features = torch.randn(len(coordinates), 192)
    tables = encoder.tables(coordinates)
    note = (f'4 blocks on {len(coordinates):,} pillars of a {source}, {threads} threads; '
            'with_checkpoint=True against False')
    steps = [_training_step(encoder, features, tables, again) for again in (True, False)]
    times = [measure(step, repeats, warmup=1) for step in steps]
    memory = [peak_mebibytes(step) for step in steps]
    return [_row('blocks computed again in training, step', *times, note) | dict(original=False),
            dict(name='blocks computed again in training, peak memory', value=memory[0],
                 unit='MiB', baseline=memory[1], ratio=memory[1] / memory[0], note=note,
                 original=False)]


def _training_step(encoder: DSVTEncoder, features: Tensor, tables: EncoderTables,
                   again: bool) -> Callable[[], None]:
    def step():
        encoder.stages[0].with_checkpoint = again
        encoder.zero_grad(set_to_none=True)
        encoder.encode_voxels(features, tables).square().mean().backward()
    return step


class PillarModel(nn.Module):
    """The Waymo pillar model on a part of its range."""

    def __init__(self) -> None:
        super().__init__()
        size = GRIDS['Waymo pillar'][0]
        self.voxel_encoder = DynamicVoxelEncoder(5, (192, 192), size, MODEL_RANGE)
        self.encoder = DSVTEncoder(MODEL_GRID)
        self.backbone = ResidualBEVBackbone(192)
        self.head = IoUCenterHead(
            384, 3, dict(point_cloud_range=MODEL_RANGE, voxel_size=size))

    def forward(self, points: Tensor, coordinates: Tensor) -> dict[str, Tensor]:
        return self.head(self.backbone(self.encoder(*self.voxel_encoder(points, coordinates), 1)))


def _model_rows(clouds: list[Tensor], source: str, threads: int, repeats: int) -> list[dict]:
    torch.manual_seed(0)
    model, points = PillarModel().eval(), clouds[0]
    cells = voxel_coordinates(points, GRIDS['Waymo pillar'][0], MODEL_RANGE)
    coordinates = nn.functional.pad(cells, (1, 0))

    def half():
        with torch.autocast('cpu', torch.bfloat16):
            return model(points, coordinates)

    with torch.no_grad():
        exact, rough = model(points, coordinates)['hm'], half()['hm']
        full = measure(lambda: model(points, coordinates), repeats, warmup=0)
        fast = measure(half, repeats, warmup=0)
    note = (f'one {source}, {MODEL_GRID[0]} x {MODEL_GRID[1]} of the 468 x 468 published cells, '
            f'points to head maps, {threads} threads')
    apart = (rough.float() - exact).abs().mean().item()
    rows = [dict(name='whole pillar model, float32', value=full.milliseconds, unit='ms', note=note),
            _row('whole pillar model, bfloat16', fast, full,
                 f'{note}; float32; heat logits apart by {apart:.1e} on average')
            | dict(original=False)]
    if COMPILE:
        rows.append(_compiled_row(model, lambda: model(points, coordinates), full, repeats, note))
    return rows


@torch.no_grad()
def _compiled_row(model: PillarModel, forward: Callable[[], dict[str, Tensor]], eager: Timing,
                  repeats: int, note: str) -> dict:
    """Blocks for any number of voxels, 2D backbone and head by ``torch.compile``."""
    exact = forward()['hm']
    for stage in model.encoder.stages:
        stage._block = torch.compile(stage._block, dynamic=True)
    for part in (model.backbone, model.head):
        part.forward = torch.compile(part.forward)
    start = time.perf_counter()
    apart = (forward()['hm'] - exact).abs().max().item()
    seconds = time.perf_counter() - start
    return _row('whole pillar model, torch.compile', measure(forward, repeats), eager,
                f'{note}; float32 as written; compiled in {seconds:.0f} s; heat logits apart by '
                f'{apart:.1e} at most') | dict(original=False)


def _row(name: str, ours: Timing, baseline: Timing, note: str) -> dict:
    return dict(name=name, value=ours.milliseconds, unit='ms', baseline=baseline.milliseconds,
                ratio=baseline.median / ours.median, note=note)
