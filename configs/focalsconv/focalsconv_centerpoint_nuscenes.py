# Focals Conv in CenterPoint on nuScenes, LiDAR only: the recipe that the authors name (their
# issue 2); neither config nor weights were released.
_base_ = ['centerpoint_nuscenes.py']

model = dict(
    middle_encoder=dict(
        focal=dict(stages=(1, 2, 3), enlarge_channels=64, mask_multi=True, skip_mask_kernel=True),
        importance_loss_weight=0))
