# Cameras alone, tested with a black front camera.
_base_ = ['sparsefusion_simulated_nuscenes_front_camera_lost.py']

model = dict(use_lidar=False)
