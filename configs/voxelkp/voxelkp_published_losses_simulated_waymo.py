# The small model with the released arithmetic of the losses, for comparison.
_base_ = ['voxelkp_simulated_waymo.py']

model = dict(published=dict(losses=True), bbox_head=dict(heading_weight=1.0))
