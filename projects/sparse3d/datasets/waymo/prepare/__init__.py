"""Waymo Open Dataset: both published formats to one frame structure, and to info files."""
from sparse3d.datasets.waymo.frame import WaymoFrame
from sparse3d.datasets.waymo.prepare.merging import merge_waymo
from sparse3d.datasets.waymo.prepare.points import WaymoPoints, frame_points
from sparse3d.datasets.waymo.prepare.preparation import prepare_waymo
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.prepare.read_v2 import read_v2

__all__ = [
    'WaymoFrame',
    'WaymoPoints',
    'frame_points',
    'merge_waymo',
    'prepare_waymo',
    'read_v1',
    'read_v2',
]
