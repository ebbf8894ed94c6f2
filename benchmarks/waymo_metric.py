"""Waymo's detection metric on simulated frames, scaled to the size of the validation split."""
from __future__ import annotations

import time
import tracemalloc

import numpy as np

from sparse3d.datasets.waymo.evaluate import evaluate_waymo

FRAMES, DETECTIONS, GROUND_TRUTHS = 4000, 100, 60
# About as many as the validation split of the perception data set has.
ALL_FRAMES = 40000
_SIZES = np.array([[4.7, 2.0, 1.7], [0.9, 0.9, 1.75], [1.8, 0.8, 1.7]])  # by class
_TYPES = np.array([1, 2, 4])


def run(threads: int = 2, repeats: int = 10, frames: int = FRAMES) -> list[dict]:
    """Rows for time and memory; see :mod:`sparse3d_benchmarks`.

    ``repeats`` is not used: each figure is one call.
    """
    evaluate_waymo(*typical_tables(2))  # compiles or loads what was compiled
    tables = typical_tables(frames)
    start = time.perf_counter()
    result = evaluate_waymo(*tables)
    seconds = time.perf_counter() - start
    half, whole = _peak_megabytes(frames // 2), _peak_megabytes(frames)
    slope = (whole - half) / (frames / 2)
    size = f'{frames:,} frames with {DETECTIONS} detections and {GROUND_TRUTHS} objects'
    return [
        dict(name='Waymo metric, 40,000 frames', value=seconds * ALL_FRAMES / frames, unit='s',
             baseline=None, ratio=None,
             note=f'{size} took {seconds:.1f} s, scaled; {threads} threads; Vehicle L2 APH '
                  f'{result.average_precision["Vehicle_L2_APH"]:.3f}'),
        dict(name='Waymo metric, memory beside its input',
             value=whole + slope * (ALL_FRAMES - frames), unit='MB', baseline=None, ratio=None,
             note=f'at its peak {half:.0f} MB for {frames // 2:,} frames, {whole:.0f} MB for '
                  f'{frames:,}; scaled to {ALL_FRAMES:,}')]


def typical_tables(frames: int, seed: int = 0) -> tuple[dict, dict]:
    """Detections and ground truth: two thirds of the detections are of an object, every
    fourth of those a second time."""
    random = np.random.default_rng(seed)
    gt = _draw(random, frames, GROUND_TRUTHS)
    gt['num_points'] = random.geometric(0.03, len(gt['frame'])) - 1
    near = DETECTIONS // 2
    rows = (np.arange(frames)[:, None] * GROUND_TRUTHS + np.arange(near)).ravel()
    again = rows[rows % 4 == 0]
    extra = _draw(random, frames, DETECTIONS - near - len(again) // frames)
    parts = [{key: gt[key][chosen] for key in ('frame', 'box', 'type')}
             for chosen in (rows, again)]
    for part in parts:
        part['box'] = part['box'] + random.normal(0, [0.1, 0.1, 0.05, 0.1, 0.05, 0.05, 0.1],
                                                  part['box'].shape)
        part['score'] = random.beta(4, 2, len(part['frame']))
    extra['score'] = random.beta(2, 5, len(extra['frame']))
    parts.append(extra)
    return {key: np.concatenate([part[key] for part in parts]) for key in extra}, gt


def _draw(random: np.random.Generator, frames: int, number: int) -> dict:
    kind = random.choice(3, frames * number, p=[0.6, 0.35, 0.05])
    box = np.empty((frames * number, 7))
    box[:, :2] = random.uniform(-75, 75, (len(box), 2))
    box[:, 2] = random.normal(1, 0.3, len(box))
    box[:, 3:6] = _SIZES[kind] * random.uniform(0.9, 1.1, (len(box), 3))
    box[:, 6] = random.uniform(-np.pi, np.pi, len(box))
    return dict(frame=np.repeat(np.arange(frames), number), box=box, type=_TYPES[kind])


def _peak_megabytes(frames: int) -> float:
    """Largest amount of memory that an evaluation takes beside its input."""
    tables = typical_tables(frames)
    tracemalloc.start()
    try:
        evaluate_waymo(*tables)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
