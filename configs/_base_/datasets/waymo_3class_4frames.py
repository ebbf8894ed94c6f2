# Waymo with three earlier LiDAR frames; points have a sixth column, their age in seconds.
_base_ = ['waymo_3class.py']

load_points = dict(type='LoadWaymoPoints', num_frames=4, tanh=[])
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        data_root='{{$SPARSE3D_WAYMO:data/waymo/kitti_format}}',
        info_path='{{$SPARSE3D_WAYMO:data/waymo/kitti_format}}/waymo_dbinfos_train.pkl',
        classes={{_base_.class_names}},
        groups=dict(Car=15, Pedestrian=10, Cyclist=10),
        min_points=dict(Car=5, Pedestrian=10, Cyclist=10),
        columns=6,
        use=[0, 1, 2, 3, 4, 5]),  # objects are of the present frame: their age is 0
    {{_base_.tanh}},
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.95, 1.05],
        translation_std=[0.5, 0.5, 0.5],
        flip_horizontal=0.5,
        flip_vertical=0.5),
    dict(type='PointsRangeFilter', point_cloud_range={{_base_.point_cloud_range}}),
    dict(
        type='KeepObjects',
        point_cloud_range={{_base_.point_cloud_range}},
        classes={{_base_.class_names}}),
    dict(type='PointShuffle'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    load_points,
    {{_base_.tanh}},
    dict(type='PointsRangeFilter', point_cloud_range={{_base_.point_cloud_range}}),
    dict(type='PackSample', keys=['points']),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
