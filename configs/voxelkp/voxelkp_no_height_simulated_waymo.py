# Ablation: one matrix for all heights when the levels are flattened.
_base_ = ['voxelkp_simulated_waymo.py']

model = dict(neck=dict(height_aware=False))
