# SAFDNet on nuScenes, key frame and nine sweeps, balanced classes, 20 epochs.
_base_ = [
    '_base_/initial_weights/safdnet.py',
    '_base_/models/safdnet_nuscenes.py',
    '../_base_/datasets/nuscenes_lidar_balanced.py',
    '_base_/schedules/onecycle_20e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['safdnet.register'])

train_dataloader = dict(batch_size=2)  # on each of 8 GPUs
# The last four epochs without added objects.
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=4)]
