"""Simulated drives in the official layout of the Argoverse 2 sensor data set."""
from __future__ import annotations

from typing import Any

from sparse3d.datasets.argoverse2.simulate.options import Argoverse2Options

__all__ = [
    'Argoverse2Options',
    'simulate_argoverse2',
]


def __getattr__(name: str) -> Any:
    """The simulation is imported when it is asked for: arguments are parsed without it."""
    if name == 'simulate_argoverse2':
        from sparse3d.datasets.argoverse2.simulate.drive import simulate_argoverse2
        return simulate_argoverse2
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
