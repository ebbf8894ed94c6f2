# A simulated drive in Waymo's layout, through crowds: people near the vehicle with 14 joints, on
# raw clouds in training, on raw and on cleaned ones in evaluation. Make one with
# sparse3d simulate waymo data/simulated_crowd --people 5, then sparse3d create-data waymo.
# Data elsewhere: SPARSE3D_SIMULATED_WAYMO=/data/drive/kitti_format sparse3d train ...
data_root = '{{$SPARSE3D_SIMULATED_WAYMO:data/simulated_crowd/kitti_format}}'
class_names = ['Human']
point_cloud_range = [-20.48, -20.48, -1.0, 20.48, 20.48, 2.2]  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

load_points = dict(type='LoadWaymoPoints', num_frames=1, tanh=[])
tanh = dict(type='TanhFeatures', columns=[3])  # tanh of intensity
in_range = dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range)
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='LoadKeypoints3D'),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/waymo_people_dbinfos_train.pkl',
        classes=class_names,
        groups=dict(Human=70),  # of which half lie in the range
        min_points=dict(Human=20),
        columns=6,
        use=[0, 1, 2, 3, 4]),
    in_range,
    dict(type='KeepObjects', point_cloud_range=point_cloud_range),
    dict(type='CropAroundObjects', side=1.6),  # early: what is left costs a tenth from here on
    tanh,
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.95, 1.05],
        flip_horizontal=0.5,
        flip_vertical=0.5),
    # Turned and stretched, whole and without noise: a short schedule has enough to learn.
    dict(type='AugmentPeople', exchange=(0, 0), cut=(0, 0), noise=(0, 0, 0)),
    in_range,
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, min_points=5),
    dict(type='PointShuffle'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d']),
]
raw_pipeline = [
    load_points,
    tanh,
    in_range,
    dict(type='SetEvaluationVariant', variant='raw'),
    dict(type='PackSample', keys=['points'], more_meta_keys=['evaluation_variant']),
]
cleaned_pipeline = [
    load_points,
    tanh,
    dict(type='RemovePointsInOtherBoxes'),
    in_range,
    dict(type='SetEvaluationVariant', variant='cleaned'),
    dict(type='PackSample', keys=['points'], more_meta_keys=['evaluation_variant']),
]
people = dict(
    type='WaymoKeypointDataset', data_root=data_root, modality=modality, metainfo=metainfo)

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(people, ann_file='waymo_infos_train.pkl', pipeline=train_pipeline))
unseen_people = dict(people, ann_file='waymo_infos_val.pkl', test_mode=True)
val_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(unseen_people, pipeline=raw_pipeline),
            dict(unseen_people, pipeline=cleaned_pipeline),
        ]))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='KeypointMetricByVariant',
    ann_file=data_root + '/waymo_infos_val.pkl',
    evaluation_range=point_cloud_range)
test_evaluator = val_evaluator
