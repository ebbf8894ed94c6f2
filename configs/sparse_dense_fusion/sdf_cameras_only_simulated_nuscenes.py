# Cameras alone on a simulated drive: trained and tested without points.
_base_ = ['sdf_simulated_nuscenes.py']

model = dict(use_lidar=False)
