# Ablation: no hybrid point branches.
_base_ = ['voxelkp_simulated_waymo.py']

model = dict(middle_encoder=dict(blocks=dict(point_branch=False)))
