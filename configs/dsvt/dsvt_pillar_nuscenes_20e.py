# DSVT with pillars on nuScenes, ten sweeps, 20 epochs.
_base_ = [
    '../_base_/models/dsvt_nuscenes_pillar.py',
    '../_base_/datasets/nuscenes_lidar.py',
    '../_base_/schedules/dsvt_nuscenes_20e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['dsvt'])

train_dataloader = dict(batch_size=4)  # on each of 8 GPUs
