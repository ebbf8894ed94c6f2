# Queries begin at peaks of a heat map in each image, at a depth that is told there.
_base_ = ['sparsebev_simulated_nuscenes.py']

model = dict(bbox_head=dict(queries=dict(type='heatmap')))
