"""Argoverse 2's detection score on random boxes, with region and range, up to all of a split."""
from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate import BoxColumns, evaluate_argoverse2
from sparse3d.datasets.argoverse2.evaluate.box_columns import rotation_of_yaw
from sparse3d.datasets.argoverse2.evaluate.evaluate import LogPlace
from sparse3d.datasets.argoverse2.evaluate.map_rasters import region_of_interest
from sparse3d.datasets.argoverse2.poses import EgoPoses

# As many as the validation split has, with the objects of a typical sweep.
LOGS, SWEEPS, DETECTIONS, OBJECTS = 150, 160, 100, 75
FEW_LOGS = 10
_ROAD = 250.0      # half of the length of each of two crossing roads [m]


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for time; see :mod:`sparse3d_benchmarks`.

    ``repeats`` is not used: each figure is one call. CPU seconds are those of the process.
    """
    return [_row(FEW_LOGS), _row(LOGS)]


def _row(logs: int) -> dict:
    dts, gts = typical_boxes(logs)
    wall, cpu = time.perf_counter(), time.process_time()
    result = evaluate_argoverse2(dts, gts, None, crossing(SWEEPS))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return dict(
        name=f'Argoverse 2 score, {logs * SWEEPS:,} sweeps', value=wall, unit='s',
        note=f'{logs} logs, {len(dts):,} detections, {len(gts):,} objects, with regions made of '
             f'polygons; {cpu:.1f} s of CPU; mAP {result.scores["mAP"]:.3f}')


def typical_boxes(logs: int, seed: int = 0) -> tuple[BoxColumns, BoxColumns]:
    """Detections and objects; every second detection is near an object of its class."""
    random = np.random.default_rng(seed)
    gts, dts = (_draw(random, logs, number) for number in (OBJECTS, DETECTIONS))
    near = np.arange(0, len(dts), 2)
    rows = near // DETECTIONS * OBJECTS + random.integers(0, OBJECTS, len(near))
    dts.label[near] = gts.label[rows]
    dts.center[near] = gts.center[rows] + random.normal(0, 0.5, (len(near), 3))
    return dts, gts


def crossing(sweeps: int) -> Callable[[str], LogPlace]:
    """Poses and region of a log: a crossing, a vehicle that drives along one of its roads."""
    half, wide = _ROAD, 12.0
    roads = [np.array([[-half, -wide], [half, -wide], [half, wide], [-half, wide]]),
             np.array([[-wide, -half], [wide, -half], [wide, half], [-wide, half]])]
    count = np.arange(sweeps)
    quaternions = np.tile([1.0, 0, 0, 0], (sweeps, 1))
    where = np.column_stack([count - sweeps / 2, 0 * count, 0 * count]).astype(float)
    poses = EgoPoses.from_columns(count, quaternions, where)
    return lambda log: LogPlace(poses, region_of_interest(roads))


def _draw(random: np.random.Generator, logs: int, number: int) -> BoxColumns:
    count = logs * SWEEPS * number
    center = np.append(random.normal(0, 45, (count, 2)), random.normal(0, 1, (count, 1)), axis=1)
    names = np.array([f'{log:08d}-0000-4000-8000-000000000000' for log in range(logs)], object)
    return BoxColumns(
        log=np.repeat(names, SWEEPS * number),
        timestamp=np.tile(np.repeat(np.arange(SWEEPS), number), logs),
        label=random.geometric(0.15, count) % len(CLASSES), center=center,
        size=random.uniform(0.5, 5, (count, 3)),
        rotation=rotation_of_yaw(random.uniform(-np.pi, np.pi, count)), score=random.random(count),
        num_points=random.poisson(5, count))
