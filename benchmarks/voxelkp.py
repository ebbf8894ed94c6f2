"""Window attention against a loop over windows, and the detector stage by stage."""
from __future__ import annotations

from collections.abc import Callable

import torch
from mmdet3d.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import voxelkp.register  # noqa: F401  (registers the detector)
from sparse3d.engine.timing import Timing, measure
from sparse3d.ops.voxelization import mean_voxelize
from sparse3d.plugins import config_home
from sparse3d_benchmarks.sweep import full_sweep
from voxelkp.keypoint_decoding import decode
from voxelkp.window_attention import window_attention
from voxelkp.windows import window_numbers

MODELS_FOLDER = 'voxelkp/_base_/models'
MOST_REPEATS = 3  # of whole detectors on a CPU


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for attention, for each stage at demo size and, with a GPU, for the published size."""
    points, source = full_sweep()
    rows = attention_rows(repeats)
    small = Detector('voxelkp_small.py', points, 'cpu')
    with torch.no_grad():
        rows += small.rows(f'{small.size} voxels of a {source}, small model, {threads} threads',
                           min(repeats, MOST_REPEATS))
    if torch.cuda.is_available():
        rows += gpu_rows(points, source, repeats)
    return rows


def attention_rows(repeats: int, count: int = 4000) -> list[dict]:
    """The fast backend against the loop, on voxels along streets at the size of conv5."""
    random = torch.Generator().manual_seed(0)
    cells = torch.stack([torch.randint(4, (count,), generator=random),
                         torch.randint(94, (count,), generator=random),
                         (torch.randn(count, generator=random) * 12 + 47).long().clamp(0, 93)], 1)
    cells = cells.unique(dim=0)
    coordinates = torch.nn.functional.pad(cells, (1, 0)).int()
    windows = window_numbers(coordinates, (6, 6, 6), 1)
    parts = torch.randn(3, len(cells), 4, 64, generator=random).unbind(0)
    note = (f'{len(cells):,} voxels in {int(windows.max()) + 1} windows, 4 heads of 64; '
            'a loop over windows')
    with torch.no_grad():
        difference = (window_attention(*parts, windows)
                      - window_attention(*parts, windows, 'reference')).abs().max().item()
        forward = [measure(lambda backend=backend: window_attention(*parts, windows, backend),
                           repeats) for backend in ('fast', 'reference')]
    parts = [part.requires_grad_() for part in parts]

    def step(backend: str) -> Callable[[], None]:
        return lambda: window_attention(*parts, windows, backend).square().sum().backward()

    both = [measure(step(backend), repeats) for backend in ('fast', 'reference')]
    return [_row('window attention, forward', forward[0],
                 f'{note}; largest difference {difference:.0e}', forward[1]),
            _row('window attention, forward and backward', both[0], note, both[1])]


def gpu_rows(points: Tensor, source: str, repeats: int) -> list[dict]:
    """Frame rate of the published size in float32 and bfloat16."""
    full = Detector('voxelkp.py', points, 'cuda')
    note = f'{full.size} voxels of a {source}, published model, {torch.cuda.get_device_name()}'
    with torch.no_grad():
        exact = measure(full.whole, repeats)
        with torch.autocast('cuda', dtype=torch.bfloat16):
            half = measure(full.whole, repeats)
    return [_row('published size, a frame in float32', exact, note),
            _row('published size, a frame in bfloat16', half, f'{note}; float32', exact)
            | dict(original=False)]


class Detector:
    """A model with random weights and one cloud."""

    def __init__(self, config: str, points: Tensor, device: str) -> None:
        init_default_scope('mmdet3d')
        torch.manual_seed(0)
        settings = Config.fromfile(config_home() / MODELS_FOLDER / config).model
        self.limits = settings.data_preprocessor.voxel_layer
        self.model: nn.Module = MODELS.build(settings).to(device).eval()
        height = points[:, 2].quantile(0.05)  # the models' frame has the ground at 0
        self.points = (points[:, :5] - torch.tensor([0, 0, height, 0, 0])).to(device)
        self.points[:, 3:] = self.points[:, 3:].tanh()
        self.size = f'{len(self.voxels()[0]):,}'

    def voxels(self) -> tuple[Tensor, Tensor]:
        """Features [M, 5] and coordinates [M, 4] of the cloud."""
        features, cells, _ = mean_voxelize(
            self.points, self.limits.voxel_size, self.limits.point_cloud_range,
            self.limits.max_num_points, self.limits.max_voxels[1])
        return features, torch.nn.functional.pad(cells, (1, 0))

    def whole(self) -> list:
        """From points to people."""
        model = self.model
        levels = model.middle_encoder(*self.voxels(), 1)
        return decode(model.bbox_head(model.neck(levels)), model.bbox_head.grid,
                      model.bbox_head.options)

    def rows(self, note: str, repeats: int) -> list[dict]:
        """Each stage with what the one before gave, then all of it."""
        model, encoder = self.model, self.model.middle_encoder
        features, coordinates = self.voxels()
        rows = [_row('voxels', measure(self.voxels, repeats), note)]

        def timed(name: str, part: Callable, given):
            rows.append(_row(name, measure(lambda: part(fresh(given)), repeats, warmup=1), note))
            return part(fresh(given))

        value = SparseConvTensor(features, coordinates.int(), encoder.sparse_shape, 1)
        value = timed('first convolution', encoder.conv_input, value)
        levels = []
        for number, stage in enumerate(encoder.stages, start=1):
            value = timed(f'stage {number}', stage, value)
            levels.append(value)
        cells = timed('fusion on the ground', model.neck, levels[-encoder.num_levels:])
        outputs = timed('head', model.bbox_head, cells)
        rows.append(_row('decoding', measure(lambda: decode(
            outputs, model.bbox_head.grid, model.bbox_head.options), repeats), note))
        whole = measure(self.whole, repeats, warmup=1)
        rate = 1 / whole.median
        return [*rows, _row('a frame, points to people', whole, f'{note}; {rate:.2f} frames/s')]


def fresh(given):
    """The same voxels without pair tables of earlier calls."""
    if isinstance(given, list):
        return [fresh(level) for level in given]
    return SparseConvTensor(given.features, given.indices.clone(), given.spatial_shape,
                            given.batch_size)


def _row(name: str, ours: Timing, note: str, baseline: Timing | None = None) -> dict:
    return dict(name=name, value=ours.milliseconds, unit='ms',
                baseline=baseline and baseline.milliseconds,
                ratio=baseline and baseline.median / ours.median, note=note)
