"""KITTI's metric on as many frames as the validation split, against mmdet3d's code."""
from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
from mmdet3d.evaluation import kitti_eval

from sparse3d.datasets.kitti.evaluate import evaluate_kitti
from sparse3d.datasets.kitti.evaluate.evaluate import CLASSES

FRAMES = 3769
# mmdet3d is slow: it gets a part, and its time is given per frame times FRAMES.
BASELINE_FRAMES = 400


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the first call and for later ones; see :mod:`sparse3d_benchmarks`.

    ``repeats`` is not used: each figure is one call.
    """
    detections, gt = typical_frames(FRAMES)
    first = _seconds_of_a_fresh_process()
    evaluate_kitti(detections[:2], gt[:2])  # loads what was compiled
    again, ours = _timed(lambda: evaluate_kitti(detections, gt))
    part = detections[:BASELINE_FRAMES], gt[:BASELINE_FRAMES]
    _mmdet3d(part[0][:2], part[1][:2])         # compiles
    baseline, theirs = _timed(lambda: _mmdet3d(*part))
    difference = _largest_difference(evaluate_kitti(*part).average_precision, theirs)
    objects = f'{np.mean([len(f["name"]) for f in gt]):.0f} objects and ' \
              f'{np.mean([len(f["name"]) for f in detections]):.0f} detections a frame'
    return [
        dict(name='KITTI metric, first call', value=first, unit='s', baseline=None, ratio=None,
             note=f'{FRAMES} frames, {objects}; fresh process, compiling included, '
                  f'imports not'),
        dict(name='KITTI metric', value=again, unit='s', baseline=baseline * FRAMES
             / BASELINE_FRAMES, ratio=baseline * FRAMES / BASELINE_FRAMES / again,
             note=f'{FRAMES} frames, Car 3D moderate '
                  f'{ours.average_precision["Car_3D_R40_moderate"]:.2f}, {threads} threads; '
                  f'mmdet3d (repaired) on {BASELINE_FRAMES} frames, scaled; largest '
                  f'difference {difference:.0e}')]


def typical_frames(number: int, seed: int = 0) -> tuple[list[dict], list[dict]]:
    """Detections and ground truth: about 8 objects and 14 detections a frame, drawn."""
    random = np.random.default_rng(seed)
    gt = [_draw(random, random.integers(4, 13)) for _ in range(number)]
    detections = []
    for frame in gt:
        extra = _draw(random, random.integers(2, 10))
        found = frame | {key: frame[key] + random.normal(0, size, frame[key].shape)
                         for key, size in (('bbox', 2), ('location', 0.1), ('rotation_y', 0.1))}
        found['score'], extra['score'] = found['score'] / 2 + 0.5, extra['score'] * 0.7
        detections.append({key: np.concatenate([found[key], extra[key]]) for key in found})
    return detections, gt


def _draw(random: np.random.Generator, count: int) -> dict:
    corner = random.uniform([0, 100], [1100, 200], (count, 2))
    return dict(
        name=random.choice([*CLASSES, 'Van'], count, p=[0.6, 0.2, 0.1, 0.1]),
        bbox=np.hstack([corner, corner + random.uniform([30, 20], [150, 120], (count, 2))]),
        location=random.uniform([-30, 1, 5], [30, 2, 70], (count, 3)),
        dimensions=random.uniform([3, 1.4, 1.5], [4.5, 1.7, 1.9], (count, 3)),
        rotation_y=random.uniform(-3, 3, count), alpha=random.uniform(-3, 3, count),
        truncated=np.zeros(count), occluded=random.integers(0, 4, count),
        score=random.random(count))


def _timed(function) -> tuple[float, object]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def _mmdet3d(detections: Sequence[dict], gt: Sequence[dict]) -> dict[str, float]:
    with contextlib.redirect_stdout(None):
        return kitti_eval(gt, detections, list(CLASSES))[1]


def _largest_difference(ours: dict[str, float], theirs: dict[str, float]) -> float:
    return max(abs(ours[f'{name}_{kind}_R40_{level}']
                   - theirs[f'KITTI/{name}_{kind}_AP40_{level}_strict'])
               for name in CLASSES for kind in ('2D', 'BEV', '3D')
               for level in ('easy', 'moderate', 'hard'))


def _seconds_of_a_fresh_process() -> float:
    """First evaluation of a process that finds nothing compiled."""
    code = ('import time\n'
            f'from {__name__} import FRAMES, evaluate_kitti, typical_frames\n'
            'frames = typical_frames(FRAMES)\n'
            'start = time.perf_counter()\n'
            'evaluate_kitti(*frames)\n'
            'print("SECONDS", time.perf_counter() - start)\n')
    with tempfile.TemporaryDirectory() as empty:
        printed = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True,
            check=True, env=os.environ | {'NUMBA_CACHE_DIR': empty}).stdout
    return float(printed.split('SECONDS')[1])
