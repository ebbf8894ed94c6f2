"""Time and memory against range: SAFDNet, whose maps are sparse, beside CenterPoint's dense one.

One simulated sweep of Argoverse 2's LiDARs on a street of 200 m each way, cut at each range; the
same voxels of 0.1 x 0.1 x 0.2 m, heads of 26 classes, random weights of one seed. A map has an even
number of cells of 0.8 m, so that 50 and 150 m are 50.4 and 150.4 m.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.config import Config

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.datasets.argoverse2.simulate.drive import VISIBLE, extent_of
from sparse3d.datasets.argoverse2.simulate.sweep import scan_both
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.simulate.street import random_street
from sparse3d_benchmarks.peak_memory import peak_mebibytes

RANGES = (50.4, 100.0, 150.4, 200.0)      # half of the side of the square [m]
CONFIGS = {'SAFDNet': 'safdnet_argoverse2_12e', 'CenterPoint': 'centerpoint_argoverse2'}
AZIMUTHS, SEED = 1800, 3
VOXEL, CELL = (0.1, 0.1, 0.2), (0.8, 0.8)
HALF_HEIGHT = 4.0
_CONFIGURED = 200.0                       # of the configs


@dataclass(frozen=True)
class Cost:
    """Of one detection.

    Attributes:
        cpu: seconds of the process. wall: seconds. mebibytes: most that tensors hold.
    """

    cpu: float
    wall: float
    mebibytes: float


@dataclass(frozen=True)
class Size:
    """How much a range holds: points, voxels and cells of the map that have some."""

    points: int
    voxels: int
    cells: int

    @classmethod
    def of(cls, points: np.ndarray) -> Size:
        return cls(len(points), occupied(points, VOXEL), occupied(points, CELL))


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for time, memory and their exponents; see :mod:`sparse3d_benchmarks`.

    Of ``repeats`` at most three are made, since one detection takes many seconds; the middle one
    counts. Times are CPU seconds: they hardly depend on what else the machine does.
    """
    points = long_sweep()
    sizes = [Size.of(cut(points, limit)) for limit in RANGES]
    costs = {}
    for name, config in CONFIGS.items():
        _cost(config, points, RANGES[0], 1)  # what is compiled or loaded at first
        costs[name] = [_cost(config, points, limit, min(repeats, 3)) for limit in RANGES]
    return rows_of(costs, sizes, threads)


def rows_of(costs: Mapping[str, list[Cost]], sizes: list[Size], threads: int) -> list[dict]:
    """Rows of measured costs, by model and range."""
    rows = []
    for place, limit in enumerate(RANGES):
        note = (f'{sizes[place].points:,} points, {sizes[place].voxels:,} voxels, '
                f'{sizes[place].cells:,} cells of the map, {threads} threads, random weights')
        base = costs['CenterPoint'][place]
        for name, found in costs.items():
            for what, part, unit in (('cpu', 'cpu', 's'), ('memory', 'mebibytes', 'MiB')):
                value, other = getattr(found[place], part), getattr(base, part)
                own = name == 'CenterPoint'
                rows.append(dict(
                    name=f'{name} at {limit:g} m, {what}', value=value, unit=unit,
                    baseline=None if own else other, ratio=None if own else other / value,
                    original=False,
                    note=f'{note}; {found[place].wall:.1f} s on the clock'))
    against = {'occupied voxels': [size.voxels for size in sizes],
               'occupied cells of the map': [size.cells for size in sizes],
               'area': [4 * limit ** 2 for limit in RANGES]}
    for name, found in costs.items():
        for what, part in (('cpu', 'cpu'), ('memory', 'mebibytes')):
            values = [getattr(cost, part) for cost in found]
            rows += [dict(name=f'{name}, {what}: exponent of the {of}',
                          value=exponent(numbers, values), unit='', note='1: in proportion')
                     for of, numbers in against.items()]
    return rows


def exponent(sizes: list[float] | list[int], values: list[float]) -> float:
    """p of ``values`` about ``sizes ** p``, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def long_sweep(azimuths: int = AZIMUTHS) -> np.ndarray:
    """Points (N, 4) float32 of a simulated sweep: x, y, z [m], intensity 0 to 255."""
    scene = random_street(np.random.default_rng(SEED), 1.0, extent=extent_of(_CONFIGURED))
    sweep = scan_both(scene.snapshot(0.0, VISIBLE), azimuths, np.random.default_rng(SEED))
    return np.column_stack([sweep[name].astype(np.float32)
                            for name in ('x', 'y', 'z', 'intensity')])


def cut(points: np.ndarray, limit: float) -> np.ndarray:
    """The points inside of a range."""
    return points[(np.abs(points[:, :2]) < limit).all(axis=1)
                  & (np.abs(points[:, 2]) < HALF_HEIGHT)]


def occupied(points: np.ndarray, size: tuple[float, ...]) -> int:
    """How many voxels (three sizes) or cells (two) have a point."""
    return len(np.unique(np.floor(points[:, :len(size)] / size).astype(np.int64), axis=0))


def with_range(config: Any, limit: float) -> Any:
    """A config for 200 m with another range; weights fit both."""
    side, whole = round(2 * limit / VOXEL[0]), round(2 * _CONFIGURED / VOXEL[0])
    levels = round(2 * HALF_HEIGHT / VOXEL[2]) + 1

    def square(half: float) -> list[float]:
        return [-half, -half, -HALF_HEIGHT, half, half, HALF_HEIGHT]

    changes = [(square(_CONFIGURED), square(limit)), ([levels, whole, whole], [levels, side, side]),
               ([whole, whole, levels], [side, side, levels]),
               ([-_CONFIGURED] * 2, [-limit] * 2)]

    def changed(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: changed(one) for key, one in value.items()}
        if not isinstance(value, list | tuple):
            return value
        for old, new in changes:
            if list(value) == old:
                return new
        return type(value)(changed(one) for one in value)
    return changed(config)


def _cost(name: str, points: np.ndarray, limit: float, repeats: int) -> Cost:
    config = Config(with_range(load_config(name).to_dict(), limit))
    torch.manual_seed(SEED)
    model = build_model(config)
    detect = _detection(model, torch.from_numpy(cut(points, limit)))
    found = []
    for _ in range(max(repeats, 1)):
        seconds: list[float] = []
        peak = peak_mebibytes(lambda seconds=seconds: seconds.extend(detect()))
        found.append(Cost(*seconds, peak))
    return sorted(found, key=lambda cost: cost.cpu)[len(found) // 2]


def _detection(model: torch.nn.Module, points: torch.Tensor) -> Callable[[], list[float]]:
    def detect() -> list[float]:
        sample = Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes))
        wall, cpu = time.perf_counter(), time.process_time()
        with torch.no_grad():
            model.test_step(dict(inputs=dict(points=[points]), data_samples=[sample]))
        return [time.process_time() - cpu, time.perf_counter() - wall]
    return detect
