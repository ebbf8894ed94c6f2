# DSVT with pillars, four LiDAR frames, 24 epochs on all of Waymo.
_base_ = [
    '_base_/models/dsvt_waymo_pillar.py',
    '../_base_/datasets/waymo_3class_4frames.py',
    '_base_/schedules/dsvt_waymo_24e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['dsvt.register'])

model = dict(voxel_encoder=dict(in_channels=6))  # with the age of a point
train_dataloader = dict(batch_size=3)  # on each of 8 GPUs
# The last epoch sees real scenes: no added objects, nothing turned, mirrored, stretched or moved.
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=1, scene=True)]
