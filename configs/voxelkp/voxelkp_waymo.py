# VoxelKP on Waymo, the published recipe; evaluated on raw clouds and on cleaned ones.
_base_ = [
    '../_base_/datasets/waymo_keypoints.py',
    '../_base_/models/voxelkp.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['voxelkp.register'])
max_epochs = 20  # the README of the release for one GPU; 36 for eight, 12 in its config

data_root = '{{$SPARSE3D_WAYMO:data/waymo/kitti_format}}'
point_cloud_range = [-75.2, -75.2, -2, 75.2, 75.2, 4]  # meters: x, y, z from, x, y, z to
load_points = dict(type='LoadWaymoPoints', num_frames=1, tanh=['intensity'])
clean_points = dict(type='RemovePointsInOtherBoxes')

train_pipeline = [
    dict(load_points, tanh=[]),  # objects of the database have raw intensities
    clean_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='LoadKeypoints3D'),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/waymo_people_dbinfos_train.pkl',
        classes=['Human'],
        # Vehicles as background: their points without boxes.
        groups=dict(Human=20, Car=15),
        unlabeled=['Car'],
        min_points=dict(Human=5, Car=5),
        columns=6,
        use=[0, 1, 2, 3, 4]),
    dict(type='TanhFeatures', columns=[3]),
    dict(
        type='AugmentScene',
        flip_horizontal=0.5,
        flip_vertical=0.5,
        rotation=[-0.78539816, 0.78539816],
        scale=[0.95, 1.05]),
    dict(type='AugmentPeople'),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, min_points=1),
    dict(type='PointShuffle'),
    dict(
        type='PackSample',
        keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d']),
]
raw_pipeline = [
    load_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='SetEvaluationVariant', variant='raw'),
    dict(type='PackSample', keys=['points'], more_meta_keys=['evaluation_variant']),
]
cleaned_pipeline = [
    load_points,
    clean_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='SetEvaluationVariant', variant='cleaned'),
    dict(type='PackSample', keys=['points'], more_meta_keys=['evaluation_variant']),
]

train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
people = dict(
    type='WaymoKeypointDataset',
    data_root=data_root,
    ann_file='waymo_infos_val.pkl',
    modality=dict(use_lidar=True, use_camera=False),
    metainfo=dict(classes=['Human']),
    test_mode=True)
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[dict(people, pipeline=raw_pipeline), dict(people, pipeline=cleaned_pipeline)]))
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='KeypointMetricByVariant',
    ann_file=data_root + '/waymo_infos_val.pkl')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    # Decay is decoupled and on norms too; beta2 0.99 as in the release.
    optimizer=dict(type='AdamW', lr=3e-3, betas=(0.95, 0.99), weight_decay=0.01),
    clip_grad=dict(max_norm=10, norm_type=2))
param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactOneCycleLR', pct_start=0.4, div_factor=10, final_div_factor=1e4,
         by_epoch=True, convert_to_iter_based=True),
    dict(type='ExactOneCycleMomentum', pct_start=0.4, eta_min_ratio=0.85 / 0.95,
         by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()

# 8 GPUs with 2 samples each.
auto_scale_lr = dict(enable=False, base_batch_size=16)
