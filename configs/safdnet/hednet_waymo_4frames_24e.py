# HEDNet on all of Waymo, four LiDAR frames, 24 epochs.
_base_ = [
    '_base_/initial_weights/hednet.py',
    '_base_/models/hednet_waymo.py',
    '_base_/datasets/waymo_4frames.py',
    '_base_/schedules/onecycle_24e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['safdnet.register'])

# With the age of a point, and velocities.
model = dict(voxel_encoder=dict(in_channels=6), bbox_head=dict(branches=dict(velocity=True)))
# The last epoch sees real scenes: no added objects, nothing turned, mirrored, stretched or moved.
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=1, scene=True)]
