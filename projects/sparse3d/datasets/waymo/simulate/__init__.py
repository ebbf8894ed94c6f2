"""Simulated drives in both published formats of Waymo."""
from __future__ import annotations

from typing import Any

from sparse3d.datasets.waymo.simulate.options import WaymoOptions

__all__ = [
    'WaymoOptions',
    'simulate_waymo',
]


def __getattr__(name: str) -> Any:
    """The simulation is imported when it is asked for: arguments are parsed without it."""
    if name == 'simulate_waymo':
        from sparse3d.datasets.waymo.simulate.drive import simulate_waymo
        return simulate_waymo
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
