# Sparse R-CNN's proposals: learned places and features, no heat map.
_base_ = ['transfusion_l_simulated_nuscenes.py']

model = dict(bbox_head=dict(queries=dict(type='learned')))
