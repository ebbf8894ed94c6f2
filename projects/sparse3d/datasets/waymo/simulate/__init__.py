"""Simulated drives in both published formats of Waymo."""
from sparse3d.datasets.waymo.simulate.drive import WaymoOptions, simulate_waymo

__all__ = [
    'WaymoOptions',
    'simulate_waymo',
]
