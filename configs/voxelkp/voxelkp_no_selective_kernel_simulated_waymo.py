# Ablation: plain residual blocks instead of selective kernels.
_base_ = ['voxelkp_simulated_waymo.py']

model = dict(middle_encoder=dict(blocks=dict(selective_kernel=False)))
