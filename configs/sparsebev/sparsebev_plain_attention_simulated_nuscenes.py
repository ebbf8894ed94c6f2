# Ablation in small: self attention without distances.
_base_ = ['sparsebev_simulated_nuscenes.py']

model = dict(bbox_head=dict(decoder=dict(adaptive_attention=False)))
