"""Simulated drives in the formats of the benchmarks.

Scenes (`street`, `scene`) hold the ground, fixed things and moving actors; sensors
(`lidar`, `camera`) look at a snapshot of a scene; format writers (`kitti`, `nuscenes`,
`waymo`) describe what the sensors saw. None of the first two knows the others. `conditions`
says what a user may choose, `weather` what fog and rain do to light.
"""
from sparse3d.simulate.conditions import Conditions
from sparse3d.simulate.kitti import KittiOptions, simulate_kitti
from sparse3d.simulate.nuscenes import NuScenesOptions, simulate_nuscenes
from sparse3d.simulate.waymo import WaymoOptions, simulate_waymo

__all__ = [
    'Conditions',
    'KittiOptions',
    'NuScenesOptions',
    'WaymoOptions',
    'simulate_kitti',
    'simulate_nuscenes',
    'simulate_waymo',
]
