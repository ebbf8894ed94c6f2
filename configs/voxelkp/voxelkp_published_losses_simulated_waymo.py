# The small model with the released arithmetic of the losses, for comparison.
_base_ = ['voxelkp_simulated_waymo.py']

model = dict(bbox_head=dict(published_losses=True, heading_weight=1.0))
