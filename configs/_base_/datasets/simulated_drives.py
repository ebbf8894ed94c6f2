"""Classes and ranges of the simulated drives, once; no config."""
NUSCENES_CLASSES = ['car', 'truck', 'bicycle', 'pedestrian']
# Meters: x, y, z from, x, y, z to.
NUSCENES_RANGE = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
KITTI_RANGE = [0, -20, -3, 51.2, 20, 1]
