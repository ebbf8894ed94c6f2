# DSVT with pillars on nuScenes, the key frame and nine sweeps, balanced classes, 20 epochs, the
# last four of them without added objects.
_base_ = [
    '_base_/models/dsvt_nuscenes_pillar.py',
    '../_base_/datasets/nuscenes_lidar_balanced.py',
    '_base_/schedules/dsvt_nuscenes_20e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['dsvt.register'])

train_dataloader = dict(batch_size=4)  # on each of 8 GPUs
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=4)]
