"""Range, voxels, thresholds and the like for a data set, each with its reason."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.custom.propose.measure import DataNumbers
from sparse3d.errors import DataError

VOXEL_SIZES = (0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8)
MAX_CELLS = 1024   # voxels along one axis: more take too much memory and time
LAYERS = 40        # voxels along z that the model's layers are made for
ALIGNED = 8        # voxels along x and y come in multiples of this: the strides of the network
_ACROSS = 12       # voxels across the narrowest objects
_SHARE = 0.005     # of the boxes that may lie outside on each side
_STEPS = 2000      # of training that a detector from nothing wants at least
_ERROR = 0.15      # meters, of a good detection in each direction
LOOSE, STRICT = (0.25, 0.5), (0.3, 0.5, 0.7)


@dataclass(frozen=True)
class Choices:
    """Values of a config; ``reasons`` has a sentence for each by the name of its attribute."""

    class_names: tuple[str, ...]
    point_cloud_range: tuple[float, ...]
    voxel_size: tuple[float, float, float]
    grid_shape: tuple[int, int, int]   # along z, y, x
    max_voxels: tuple[int, int]        # in training, in testing
    max_objects: int
    nms_threshold: float
    iou_thresholds: tuple[float, ...]
    all_around: bool
    epochs: int
    reasons: dict[str, str]


def choose(numbers: DataNumbers, batch_size: int = 2) -> Choices:
    """Choose by what was measured.

    Raises:
        DataError: if objects lie further apart than any grid reaches.
    """
    reasons: dict[str, str] = {}
    low, high, all_around = _plane(numbers.boxes, reasons)
    size = _voxels_in_plane(numbers, low, high, reasons)
    low, high = _aligned(low, high, size, all_around)
    z_low, z_high = _layers(numbers, reasons)
    cells = [round((b - a) / size) for a, b in zip(low, high, strict=True)]
    limits = (*low, z_low, *high, z_high)
    voxel = (size, size, round((z_high - z_low) / LAYERS, 4))
    used = [_filled(cloud, limits, voxel) for cloud in numbers.clouds]
    testing = int(np.ceil(1.3 * max(used) / 1000) * 1000)
    reasons['max_voxels'] = (f'{len(used)} clouds fill {min(used):,} to {max(used):,} voxels; '
                             f'a third more is allowed')
    reasons['max_objects'] = f'a frame has up to {numbers.max_objects} boxes'
    names = tuple(numbers_of.name for numbers_of in numbers.classes)
    reasons['class_names'] = '; '.join(
        f'{one.name}: {one.objects} objects with points, median {one.size[0]:.2f} x '
        f'{one.size[1]:.2f} x {one.size[2]:.2f} m' for one in numbers.classes)
    if numbers.rare:
        reasons['class_names'] += '; left out, too few objects: ' + ', '.join(
            f'{name} {count}' for name, count in numbers.rare.items())
    steps = max(numbers.frames[0] // batch_size, 1)
    epochs = int(np.clip(np.ceil(_STEPS / steps), 6, 80))
    reasons['epochs'] = (f'{numbers.frames[0]} frames are {steps} steps an epoch; from nothing '
                         f'about {_STEPS:,} steps are wanted: --epochs {epochs}')
    return Choices(names, limits, voxel, (LAYERS + 1, cells[1], cells[0]), (testing, testing),
                   max(2 * numbers.max_objects, 50), _nms(numbers, reasons),
                   _ious(numbers, reasons), all_around, epochs, reasons)


def _plane(boxes: np.ndarray, reasons: dict[str, str],
           ) -> tuple[list[float], list[float], bool]:
    """Where boxes lie in BEV; y the same to both sides, x as well if they lie behind."""
    reach = 0.5 * np.hypot(boxes[:, 3], boxes[:, 4])[:, None]
    lower = np.quantile(boxes[:, :2] - reach, _SHARE, axis=0)
    upper = np.quantile(boxes[:, :2] + reach, 1 - _SHARE, axis=0)
    side = float(np.ceil(np.abs([lower[1], upper[1]]).max()))
    all_around = bool(lower[0] < -0.3 * upper[0])
    if all_around:
        ahead = float(np.ceil(np.abs([lower[0], upper[0]]).max()))
        begin = -ahead
    else:
        ahead, begin = float(np.ceil(upper[0])), min(0.0, float(np.floor(lower[0])))
    if ahead - begin > MAX_CELLS * VOXEL_SIZES[-1] or 2 * side > MAX_CELLS * VOXEL_SIZES[-1]:
        raise DataError(f'boxes lie from x {lower[0]:.0f} to {upper[0]:.0f} and y {lower[1]:.0f} '
                        f'to {upper[1]:.0f} m, further than a grid of voxels reaches: give boxes '
                        f'and points in meters from the sensor')
    reasons['point_cloud_range'] = (
        f'99 % of the boxes lie from x {lower[0]:.1f} to {upper[0]:.1f} and y {lower[1]:.1f} to '
        f'{upper[1]:.1f} m, {"all around" if all_around else "ahead"}; flips mirror them, so the '
        f'range is {"symmetric" if all_around else "symmetric in y"}')
    return [begin, -side], [ahead, side], all_around


def _voxels_in_plane(numbers: DataNumbers, low: Sequence[float], high: Sequence[float],
                     reasons: dict[str, str]) -> float:
    narrowest = min(numbers.classes, key=lambda one: one.short_side)
    wanted = narrowest.short_side / _ACROSS
    fine = max([size for size in VOXEL_SIZES if size <= min(wanted, 0.2)] or VOXEL_SIZES[:1])
    extent = max(np.subtract(high, low))
    size = next(size for size in VOXEL_SIZES
                if size >= fine and extent / size <= MAX_CELLS)
    reasons['voxel_size'] = (f'{narrowest.name} is {narrowest.short_side:.2f} m across or more: '
                             f'about {_ACROSS} voxels want {fine:g} m')
    if size > fine:
        reasons['voxel_size'] += (f'; {extent:g} m of range take {size:g} m, or the grid has more '
                                  f'than {MAX_CELLS} cells: a smaller range allows finer voxels')
    return size


def _aligned(low: Sequence[float], high: Sequence[float], size: float, all_around: bool,
             ) -> tuple[list[float], list[float]]:
    """The range widened to whole multiples of :data:`ALIGNED` voxels."""
    step = ALIGNED * size
    half = round(np.ceil(round(high[1] / step * 2, 6)) * step / 2, 4)
    if all_around:
        ahead = round(np.ceil(round(high[0] / step * 2, 6)) * step / 2, 4)
        return [-ahead, -half], [ahead, half]
    length = np.ceil(round((high[0] - low[0]) / step, 6)) * step
    return [low[0], -half], [round(low[0] + length, 4), half]


def _layers(numbers: DataNumbers, reasons: dict[str, str]) -> tuple[float, float]:
    """Heights of the boxes and half a meter more, at least 4 m, in multiples of 0.4 m."""
    bottom = float(np.quantile(numbers.boxes[:, 2], _SHARE))
    top = float(np.quantile(numbers.boxes[:, 2] + numbers.boxes[:, 5], 1 - _SHARE))
    low = round(np.floor((bottom - 0.5) / 0.1) * 0.1, 1)
    extent = max(4.0, round(np.ceil(round((top + 0.5 - low) / 0.4, 6)) * 0.4, 1))
    reasons['height'] = f'boxes stand from z {bottom:.1f} to {top:.1f} m'
    if numbers.ground is not None:
        reasons['height'] += f', the ground lies at {numbers.ground:.2f} m'
    return low, round(low + extent, 1)


def _filled(cloud: np.ndarray, limits: Sequence[float], size: Sequence[float]) -> int:
    low, high = np.reshape(limits, (2, 3))
    inside = cloud[((cloud[:, :3] >= low) & (cloud[:, :3] < high)).all(axis=1), :3]
    return len(np.unique(np.floor((inside - low) / size).astype(np.int64), axis=0))


def _nms(numbers: DataNumbers, reasons: dict[str, str]) -> float:
    threshold = max(0.1, min(0.05 * np.ceil((numbers.overlap + 0.05) / 0.05), 0.7))
    reasons['nms_threshold'] = (
        f'labeled boxes of one class overlap by an IoU of up to {numbers.overlap:.2f} in BEV; a '
        f'detection that overlaps a better one by more than this is dropped')
    return round(float(threshold), 2)


def _ious(numbers: DataNumbers, reasons: dict[str, str]) -> tuple[float, ...]:
    """Strict where a good detection of every class reaches 0.6."""
    reached = {}
    for one in numbers.classes:
        size = np.array(one.size)
        shared = np.prod(np.maximum(size - _ERROR, 0))
        reached[one.name] = float(shared / (2 * np.prod(size) - shared))
    worst = min(reached, key=lambda name: reached[name])
    reasons['iou_thresholds'] = (f'{_ERROR:g} m off in x, y and z leave {worst} an IoU of '
                                 f'{reached[worst]:.2f}')
    return STRICT if reached[worst] >= 0.6 else LOOSE
