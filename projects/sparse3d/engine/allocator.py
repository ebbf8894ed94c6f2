"""Freed memory stays with the process, for its next tensor."""
from __future__ import annotations

import ctypes
import sys

# From glibc's malloc.h.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
NEVER = 2 ** 31 - 1
MORE_AT_ONCE = 64 * 2 ** 20  # bytes


def set_allocator() -> bool:
    """Stop glibc from giving freed memory back to the operating system.

    By default it gives back every large block. The next tensor of that size then costs one page
    fault for each 4 kB and their clearing (``sparse3d benchmark freed_memory``). The process holds
    its peak until it ends. Forked processes inherit the setting.

    Returns:
        whether it was set; not with another C library.
    """
    if not sys.platform.startswith('linux'):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    return all([mallopt(M_MMAP_MAX, 0), mallopt(M_TRIM_THRESHOLD, NEVER),
                mallopt(M_TOP_PAD, MORE_AT_ONCE)])
