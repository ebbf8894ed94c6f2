# Cameras alone: the same detector, trained and tested without points.
_base_ = ['sdf_r50_nuscenes.py']

model = dict(use_lidar=False)
