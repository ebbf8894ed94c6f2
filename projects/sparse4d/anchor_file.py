"""Where instances start: a file of anchors."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.npy_files import read_npy
from sparse3d.transforms.point_files import read_bytes
from sparse4d.anchors import NUMBERS


def read_anchor_file(path: str | os.PathLike, count: int | None = None) -> np.ndarray:
    """Anchors (A, 11) float32 of a ``.npy`` file, ours (``sparse3d create-data anchors``) or the
    released one.

    Args:
        count: A, where it has to be this.

    Raises:
        DataError: if the file is missing, damaged, no plain array, or holds anything but finite
            numbers in that shape.
    """
    anchors = read_npy(read_bytes(Path(path)), path)
    if anchors.dtype.names or anchors.ndim != 2 or anchors.shape[1] != NUMBERS \
            or count not in (None, len(anchors)):
        wanted = f'({"A" if count is None else count}, {NUMBERS})'
        raise DataError(f'{path} holds an array {anchors.shape}, no anchors {wanted}: x, y, z, '
                        f'log dx, log dy, log dz, sin, cos, vx, vy, vz; make it with '
                        f'"sparse3d create-data anchors", or set num_anchors of the bank')
    anchors = anchors.astype(np.float32)
    if not np.isfinite(anchors).all():
        row = int(np.flatnonzero(~np.isfinite(anchors).all(1))[0])
        raise DataError(f'anchor {row} of {path} is not finite')
    return anchors
