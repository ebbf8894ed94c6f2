# Ablation in small: sampling offsets stay where they started.
_base_ = ['sparsebev_simulated_nuscenes.py']

model = dict(bbox_head=dict(decoder=dict(adaptive_sampling=False)))
