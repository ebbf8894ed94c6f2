# Queries begin at the image tokens that look most like foreground.
_base_ = ['sparsebev_simulated_nuscenes.py']

model = dict(bbox_head=dict(queries=dict(type='image')))
