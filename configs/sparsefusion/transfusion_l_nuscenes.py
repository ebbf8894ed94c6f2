# Stage 1 of SparseFusion: TransFusion-L, LiDAR only, 20 epochs with balanced classes.
# Objects of other frames are pasted in until five epochs before the end (the fade strategy).
_base_ = [
    '../_base_/datasets/nuscenes_lidar.py',
    '../_base_/models/transfusion_l.py',
    '../_base_/schedules/transfusion_20e.py',
    '_base_/initial_weights/transfusion_l.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import inserted_after

custom_imports = dict(imports=['sparsefusion.register'])

wanted = dict(car=2, truck=3, construction_vehicle=7, bus=4, trailer=6, barrier=2, motorcycle=6,
              bicycle=6, pedestrian=2, traffic_cone=2)
train_pipeline = inserted_after(
    _base_.train_pipeline,
    LoadAnnotations3D=dict(
        type='GroundTruthSampling',
        database=dict(
            data_root=_base_.data_root,
            info_path=_base_.data_root + '/nuscenes_dbinfos_train.pkl',
            min_points={name: 5 for name in wanted}, columns=5, use=[0, 1, 2, 3, 4]),
        classes=_base_.class_names,
        groups=wanted))
train_dataloader = dict(
    batch_size=2,  # on each of 8 GPUs
    dataset=dict(
        _delete_=True,  # the base's dataset stands in another one
        type='ClassBalancedDataset',
        dataset=dict(_base_.train_dataloader.dataset, pipeline=train_pipeline)))
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=5)]
