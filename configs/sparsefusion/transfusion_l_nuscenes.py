# Stage 1 of SparseFusion: TransFusion-L, LiDAR only, 20 epochs with balanced classes.
# Objects of other frames are pasted in until five epochs before the end (the fade strategy).
_base_ = [
    '../_base_/datasets/nuscenes_lidar.py',
    '../_base_/models/transfusion_l.py',
    '../_base_/schedules/transfusion_20e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparsefusion.register'])

data_root = '{{$SPARSE3D_NUSCENES:data/nuscenes}}'
wanted = dict(car=2, truck=3, construction_vehicle=7, bus=4, trailer=6, barrier=2, motorcycle=6,
              bicycle=6, pedestrian=2, traffic_cone=2)
train_pipeline = [
    {{_base_.load_points}},
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/nuscenes_dbinfos_train.pkl',
        classes={{_base_.class_names}},
        groups=wanted,
        min_points={name: 5 for name in wanted},
        columns=5,
        use=[0, 1, 2, 3, 4]),
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.9, 1.1],
        translation_std=[0.5, 0.5, 0.5],
        flip_horizontal=0.5,
        flip_vertical=0.5,
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='PointsRangeFilter', point_cloud_range={{_base_.point_cloud_range}}),
    dict(
        type='KeepObjects',
        point_cloud_range={{_base_.point_cloud_range}},
        classes={{_base_.class_names}}),
    dict(type='PointShuffle'),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=['token']),
]
train_dataloader = dict(
    batch_size=2,  # on each of 8 GPUs
    dataset=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        dataset=dict(
            type='NuScenesDetectionDataset',
            data_root=data_root,
            ann_file='nuscenes_infos_train.pkl',
            pipeline=train_pipeline,
            modality={{_base_.modality}},
            unknown_velocities='nan',
            metainfo={{_base_.metainfo}})))
custom_hooks = [dict(type='DisableAugmentationHook', last_epochs=5)]
