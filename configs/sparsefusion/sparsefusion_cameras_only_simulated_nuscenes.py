# Cameras alone on a simulated drive: the same detector, trained and tested without points.
_base_ = ['sparsefusion_simulated_nuscenes.py']

model = dict(use_lidar=False)
