"""Simulated drives in the official layout of KITTI."""
from sparse3d.datasets.kitti.simulate.drive import KittiOptions, simulate_kitti

__all__ = [
    'KittiOptions',
    'simulate_kitti',
]
