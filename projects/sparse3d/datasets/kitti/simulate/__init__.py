"""Simulated drives in the official layout of KITTI."""
from __future__ import annotations

from typing import Any

from sparse3d.datasets.kitti.simulate.options import KittiOptions

__all__ = [
    'KittiOptions',
    'simulate_kitti',
]


def __getattr__(name: str) -> Any:
    """The simulation is imported when it is asked for: arguments are parsed without it."""
    if name == 'simulate_kitti':
        from sparse3d.datasets.kitti.simulate.drive import simulate_kitti
        return simulate_kitti
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
