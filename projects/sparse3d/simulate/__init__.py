"""The world and its sensors, for simulated drives.

Scenes (`street`, `scene`) hold the ground, fixed things and moving actors; sensors
(`lidar`, `camera`) look at a snapshot of a scene. Neither knows the other. `conditions` says what
a user may choose, `weather` what fog and rain do to light. What the sensors saw is written in the
formats of the benchmarks by `sparse3d.datasets.kitti.simulate` and its siblings.
"""
from sparse3d.simulate.conditions import Conditions

__all__ = [
    'Conditions',
]
