# The sparse branch alone: the queries see the cameras, the map does not.
_base_ = ['sdf_r50_nuscenes.py']

model = dict(camera_lift=None, map_fusion=None)
