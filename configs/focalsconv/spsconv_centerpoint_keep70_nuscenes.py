# SPS-Conv in CenterPoint on nuScenes, as released with 70 % kept in submanifold layers.
_base_ = ['spsconv_centerpoint_keep50_nuscenes.py']

model = dict(middle_encoder=dict(pruning=dict(submanifold_keep_ratio=0.7)))
