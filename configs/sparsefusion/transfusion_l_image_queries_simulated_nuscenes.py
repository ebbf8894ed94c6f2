# Queries begin at the tokens of the map that look most like foreground, no heat map.
_base_ = ['transfusion_l_simulated_nuscenes.py']

model = dict(bbox_head=dict(queries=dict(type='image')))
