"""Simulated drives in the formats of the benchmarks.

Scenes (`street`, `scene`) hold the ground, fixed things and moving actors; sensors
(`lidar`, `camera`) look at a snapshot of a scene; format writers (`kitti`, `nuscenes`)
describe what the sensors saw. None of the first two knows the others.
"""
from sparse3d.simulate.kitti import KittiOptions, simulate_kitti
from sparse3d.simulate.nuscenes import NuScenesOptions, simulate_nuscenes

__all__ = ['KittiOptions', 'NuScenesOptions', 'simulate_kitti', 'simulate_nuscenes']
