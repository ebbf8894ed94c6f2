"""Simulated drives as tables and files of nuScenes."""
from sparse3d.datasets.nuscenes.simulate.drive import NuScenesOptions, simulate_nuscenes

__all__ = [
    'NuScenesOptions',
    'simulate_nuscenes',
]
