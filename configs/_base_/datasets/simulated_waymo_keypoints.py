# A simulated drive in Waymo's layout, people with 14 joints (pedestrians and cyclists as one)
# (make one: sparse3d simulate waymo, then sparse3d create-data waymo).
# Data elsewhere: SPARSE3D_SIMULATED_WAYMO=/data/drive/kitti_format sparse3d train ...
data_root = '{{$SPARSE3D_SIMULATED_WAYMO:data/simulated_waymo/kitti_format}}'
class_names = ['Human']
point_cloud_range = [-25.6, -25.6, -2, 25.6, 25.6, 2.8]  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

load_points = dict(type='LoadWaymoPoints', num_frames=1, tanh=[])
tanh = dict(type='TanhFeatures', columns=[3])  # tanh of intensity
# The published results are on clouds without the points of all other labeled objects; leave
# this out of the test pipeline for honest ones.
clean_points = dict(type='RemovePointsInOtherBoxes')
train_pipeline = [
    load_points,
    clean_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='LoadKeypoints3D'),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/waymo_people_dbinfos_train.pkl',
        classes=class_names,
        groups=dict(Human=20, Car=15),
        min_points=dict(Human=5, Car=5),
        unlabeled=['Car'],  # points without labels, for the model to tell people from
        columns=6,
        use=[0, 1, 2, 3, 4]),
    tanh,
    dict(
        type='AugmentScene',
        rotation=[-0.3, 0.3],
        scale=[0.95, 1.05],
        flip_horizontal=0.5,
        flip_vertical=0.5),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='PointShuffle'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d']),
]
test_pipeline = [
    load_points,
    clean_points,
    tanh,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='WaymoKeypointDataset',
        data_root=data_root,
        ann_file='waymo_infos_train.pkl',
        pipeline=train_pipeline,
        modality=modality,
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='WaymoKeypointDataset',
        data_root=data_root,
        ann_file='waymo_infos_val.pkl',
        pipeline=test_pipeline,
        modality=modality,
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='WaymoKeypointMetric', ann_file=data_root + '/waymo_infos_val.pkl')
test_evaluator = val_evaluator
