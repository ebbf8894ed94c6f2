# HEDNet on all of Waymo, one LiDAR frame, 12 epochs.
_base_ = [
    '_base_/initial_weights/hednet.py',
    '_base_/models/hednet_waymo.py',
    '_base_/datasets/waymo_1frame.py',
    '_base_/schedules/onecycle_12e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['safdnet.register'])

# The last epoch sees real scenes: no added objects, nothing turned, mirrored, stretched or moved.
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=1, scene=True)]
