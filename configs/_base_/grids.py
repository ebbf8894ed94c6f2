"""Ranges, voxels and classes that several configs have, each once; no config.

Ranges in meters: x, y, z from, x, y, z to; voxels in meters along x, y, z. A config imports this
below its ``_base_``, as mmengine wants it.
"""
CAR_PEDESTRIAN_CYCLIST = ['Car', 'Pedestrian', 'Cyclist']
KITTI_RANGE = [0, -40, -3, 70.4, 40, 1]
KITTI_CENTER_RANGE = [-10, -50, -10, 80, 50, 10]
KITTI_VOXEL = [0.05, 0.05, 0.1]
KITTI_PILLAR_RANGE = [0, -39.68, -3, 69.12, 39.68, 1]
KITTI_PILLAR = [0.16, 0.16, 4]
KITTI_NEAR_RANGE = [0, -20, -3, 51.2, 20, 1]  # of simulated drives
KITTI_NEAR_CENTER_RANGE = [-10, -40, -10, 60, 40, 10]

NUSCENES_FOUR_CLASSES = ['car', 'truck', 'bicycle', 'pedestrian']  # of simulated drives
NUSCENES_RANGE_51 = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
NUSCENES_RANGE_54 = [-54.0, -54.0, -5.0, 54.0, 54.0, 3.0]
NUSCENES_CENTER_RANGE = [-61.2, -61.2, -10.0, 61.2, 61.2, 10.0]
NUSCENES_VOXEL = [0.075, 0.075, 0.2]

WAYMO_RANGE_74 = [-74.88, -74.88, -2, 74.88, 74.88, 4]
WAYMO_RANGE_75 = [-75.2, -75.2, -2, 75.2, 75.2, 4]
WAYMO_RANGE_76 = [-75.52, -75.52, -2, 75.52, 75.52, 4]
WAYMO_CENTER_RANGE = [-80, -80, -10, 80, 80, 10]
WAYMO_NEAR_RANGE = [-40, -40, -2, 40, 40, 4]  # of simulated drives
WAYMO_NEAR_CENTER_RANGE = [-50, -50, -10, 50, 50, 10]
WAYMO_CROWD_RANGE = [-20.48, -20.48, -1.0, 20.48, 20.48, 2.2]

ARGOVERSE2_FOUR_CLASSES = ['REGULAR_VEHICLE', 'BOX_TRUCK', 'PEDESTRIAN', 'BICYCLIST']
ARGOVERSE2_RANGE_200 = [-200, -200, -4, 200, 200, 4]
ARGOVERSE2_CENTER_RANGE = [-200, -200, -20, 200, 200, 20]
ARGOVERSE2_RANGE_77 = [-76.8, -76.8, -4, 76.8, 76.8, 4]
ARGOVERSE2_CENTER_RANGE_77 = [-90, -90, -10, 90, 90, 10]
ARGOVERSE2_RANGE_154 = [-153.6, -153.6, -4, 153.6, 153.6, 4]
ARGOVERSE2_CENTER_RANGE_154 = [-165, -165, -10, 165, 165, 10]

ANYWHERE_CLASSES = ['Car', 'Pedestrian', 'Cyclist', 'LargeVehicle']
ANYWHERE_RANGE = [-44.8, -44.8, -2.0, 44.8, 44.8, 4.0]  # above the ground
ANYWHERE_CLOUD_RANGE = [-44.8, -44.8, -6.0, 44.8, 44.8, 6.0]  # about a sensor of any height
ANYWHERE_CENTER_RANGE = [-44.8, -44.8, -10, 44.8, 44.8, 10]
ANYWHERE_VOXEL = [0.16, 0.16, 0.2]
