# The sparse branch alone on a simulated drive.
_base_ = ['sdf_simulated_nuscenes.py']

model = dict(camera_lift=None, map_fusion=None)
