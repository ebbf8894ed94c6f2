# DSVT with pillars on nuScenes, ten sweeps, 20 epochs with balanced classes.
# The published recipe also pastes objects until four epochs before the end.
_base_ = [
    '../_base_/models/dsvt_nuscenes_pillar.py',
    '../_base_/datasets/nuscenes_lidar.py',
    '../_base_/schedules/dsvt_nuscenes_20e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['dsvt'])

train_dataloader = dict(
    batch_size=4,  # on each of 8 GPUs
    dataset=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        dataset={{_base_.train_dataloader.dataset}}))
