# Ablation: no box attention.
_base_ = ['voxelkp_simulated_waymo.py']

model = dict(middle_encoder=dict(blocks=dict(box_attention=False)))
