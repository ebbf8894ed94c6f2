# The dense branch alone: the map sees the cameras, the queries do not.
_base_ = ['sdf_r50_nuscenes.py']

model = dict(query_fusion=None)
