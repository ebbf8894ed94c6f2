"""Simulated drives as tables and files of nuScenes."""
from __future__ import annotations

from typing import Any

from sparse3d.datasets.nuscenes.simulate.options import NuScenesOptions

__all__ = [
    'NuScenesOptions',
    'simulate_nuscenes',
]


def __getattr__(name: str) -> Any:
    """The simulation is imported when it is asked for: arguments are parsed without it."""
    if name == 'simulate_nuscenes':
        from sparse3d.datasets.nuscenes.simulate.drive import simulate_nuscenes
        return simulate_nuscenes
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
