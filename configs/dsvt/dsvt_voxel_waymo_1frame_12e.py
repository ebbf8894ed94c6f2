# DSVT with voxels, one LiDAR frame, 12 epochs on every fifth frame of Waymo.
_base_ = [
    '_base_/models/dsvt_waymo_voxel.py',
    '../_base_/datasets/waymo_3class.py',
    '_base_/schedules/dsvt_waymo_12e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['dsvt.register'])

train_dataloader = dict(batch_size=1, dataset=dict(load_interval=5))  # on each of 8 GPUs
# The last epoch sees real scenes: no added objects, nothing turned, mirrored, stretched or moved.
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=1, scene=True)]
