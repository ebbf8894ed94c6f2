"""mmdet3d's ``LoadPointsFromMultiSweeps`` with the sweep's pose inverted rightly.

Wrong upstream (mmdet3d 1.4.0): a sweep's info holds ``lidar2sensor`` = (R, t), which takes a
point q of the key frame to p = R q + t in the sweep's frame. Going back is q = R^T (p - t), for
rows ``(p - t) R``; the transform computes ``p R - t``. The two agree only if R is the identity:
on a turning vehicle older sweeps are displaced by up to |t| times the angle turned.

Repair: the transform is given t R in place of t, and so computes ``p R - t R``.
"""
from __future__ import annotations

from collections.abc import Sequence
from functools import wraps

import numpy as np
from mmdet3d.datasets.transforms import LoadPointsFromMultiSweeps

SWEEPS = 'lidar_sweeps'


def apply_patch() -> None:
    """Correct the sweeps' translations before the transform uses them."""
    upstream = LoadPointsFromMultiSweeps.transform
    if hasattr(upstream, 'upstream'):
        return

    @wraps(upstream)
    def transform(self, results: dict) -> dict:
        if SWEEPS not in results:
            return upstream(self, results)
        sweeps = results[SWEEPS]
        loaded = upstream(self, {**results, SWEEPS: [turned(sweep) for sweep in sweeps]})
        return {**loaded, SWEEPS: sweeps}

    transform.upstream = upstream
    LoadPointsFromMultiSweeps.transform = transform


def turned(sweep: dict) -> dict:
    """The sweep's info with t R in place of t in ``lidar2sensor``; the given one stays as it is."""
    points = sweep['lidar_points']
    return {**sweep, 'lidar_points': {
        **points, 'lidar2sensor': _with_turned_translation(points['lidar2sensor'])}}


def _with_turned_translation(lidar2sensor: Sequence) -> np.ndarray:
    pose = np.array(lidar2sensor, dtype=np.float64)  # [4, 4]
    pose[:3, 3] = pose[:3, 3] @ pose[:3, :3]
    return pose
