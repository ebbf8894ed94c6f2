# Sparse R-CNN's proposals: learned boxes, and learned features for each of them.
_base_ = ['sparsebev_simulated_nuscenes.py']

model = dict(bbox_head=dict(queries=dict(type='learned', own_features=True)))
