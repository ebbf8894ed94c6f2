# The dense branch alone on a simulated drive.
_base_ = ['sdf_simulated_nuscenes.py']

model = dict(query_fusion=None)
