"""Anchors where the boxes of a data set are: k-means of their centers."""
from __future__ import annotations

import io
import os
from collections.abc import Iterable
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.lib import format as npy_format
from scipy.cluster.vq import kmeans2

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.errors import DataError

ITERATIONS = 100


def box_anchors(boxes: np.ndarray, count: int, max_distance: float = 55.0, seed: int = 0
                ) -> np.ndarray:
    """Anchors (count, 11) float64: x, y, z, log dx, log dy, log dz, sin, cos, vx, vy, vz.

    Centers are those of clusters of box centers, all sizes the mean one; they look along x and
    stand still.

    Args:
        boxes: (M, >= 6) x, y, z, dx, dy, dz; LiDAR frame, gravity center, meters.
        count: of anchors.
        max_distance: meters; boxes whose center lies farther, in space, are left out.
        seed: same seed, same anchors.

    Raises:
        DataError: if there are fewer places of boxes than anchors, or for a seed that is none.

    Source: Sparse4D (arXiv 2211.10581), released code.
    """
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise DataError(f'seed is {seed!r}; give a whole number of 0 or more')
    boxes = np.asarray(boxes, np.float64)
    boxes = boxes[np.isfinite(boxes).all(axis=1) & (boxes[:, 3:6] > 0).all(axis=1)]
    boxes = boxes[np.linalg.norm(boxes[:, :3], axis=1) <= max_distance]
    places = len(np.unique(boxes[:, :3], axis=0))
    if not 1 <= count <= places:
        raise DataError(f'{count} anchors cannot be made of {places} places of boxes within '
                        f'{max_distance:g} m; give a --count from 1 to {places}, or more data')
    centers = boxes[:, :3]
    start = _far_apart(centers, count, np.random.default_rng(seed))
    with catch_warnings():  # a cluster that has lost its boxes stays where it was
        simplefilter('ignore')
        found, _ = kmeans2(centers, start, iter=ITERATIONS, minit='matrix', missing='warn')
    anchors = np.zeros((count, 11))
    anchors[:, :3] = found[np.lexsort(found.T[::-1])]  # by x: any order is as good
    anchors[:, 3:6] = np.log(boxes[:, 3:6].mean(0))
    anchors[:, 7] = 1.0
    return anchors


def write_anchors(anchors: np.ndarray, path: str | os.PathLike) -> None:
    """Write anchors as a ``.npy`` file, whole or not at all."""
    content = io.BytesIO()
    npy_format.write_array(content, anchors.astype(np.float32), allow_pickle=False)
    write_bytes_atomically(path, content.getvalue())


def gathered(samples: Iterable[np.ndarray]) -> np.ndarray:
    """Boxes (M, 6) of all samples."""
    kept = [np.asarray(boxes, np.float64)[:, :6] for boxes in samples if len(boxes)]
    return np.concatenate(kept) if kept else np.zeros((0, 6))


def _far_apart(points: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """First centers (count, 3): each the likelier the farther it is from those before (k-means++).
    """
    chosen = [int(random.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < count:
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
        chosen.append(int(random.choice(len(points), p=distance / distance.sum())))
    return points[chosen]
