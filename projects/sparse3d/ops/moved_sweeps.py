"""Points of a LiDAR sweep in the frame of another one, by the compiled kernels in one pass."""
from __future__ import annotations

import ctypes
from collections.abc import Sequence

import numpy as np

from sparse3d.ops.compiled_kernels import library

COLUMNS = 5     # x, y, z [m], intensity, and one that becomes the age


def moved_sweep(
        content: bytes,             # rows of five float32
        lidar2sensor: Sequence,     # (4, 4) rigid, from the frame wanted to the sweep's
        near: float,                # points nearer than this in x and in y are left out [m]
        age: float,                 # [s]
        out: np.ndarray,            # [at least so many rows, 5] float32, C order
) -> int | None:
    """Write the points to ``out``; how many they are.

    None, and ``out`` undefined, where this cannot be done: without kernels, or if a number is
    NaN or infinite.
    """
    found = library()
    if found is None:
        return None
    count = len(content) // (4 * COLUMNS)
    if len(out) < count or not out.flags.c_contiguous or out.dtype != np.float32:
        raise ValueError(f'{count} points need as many rows of float32')
    matrix = np.asarray(lidar2sensor, np.float64)
    turn, shift = np.ascontiguousarray(matrix[:3, :3]), np.ascontiguousarray(matrix[:3, 3])
    function = found.sparse3d_moved_sweep
    function.restype = ctypes.c_int64
    written = function(
        ctypes.c_char_p(content), ctypes.c_int64(count), ctypes.c_void_p(turn.ctypes.data),
        ctypes.c_void_p(shift.ctypes.data), ctypes.c_double(near), ctypes.c_double(age),
        ctypes.c_void_p(out.ctypes.data))
    return None if written < 0 else written
