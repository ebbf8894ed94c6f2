# A simulated drive in Waymo's layout, people with joints (make one: tools/simulate.py waymo).
# Data elsewhere: SPARSE3D_SIMULATED_WAYMO=/data/drive/kitti_format python tools/train.py ...
data_root = '{{$SPARSE3D_SIMULATED_WAYMO:data/simulated_waymo/kitti_format}}'
class_names = ['Human']
point_cloud_range = [-25.6, -25.6, -2, 25.6, 25.6, 2.8]  # metres: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

# x, y, z, tanh(intensity), elongation
load_points = dict(type='LoadWaymoPoints', frames=1, squash=['intensity'])
clean_points = dict(type='RemovePointsInOtherBoxes')
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='LoadKeypoints3D'),
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
        type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d']),
]
raw_pipeline = [
    load_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='NameCloud', kind='raw'),
    dict(type='PackSample', keys=['points'], more_meta_keys=['cloud']),
]
cleaned_pipeline = [
    load_points,
    clean_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='NameCloud', kind='cleaned'),
    dict(type='PackSample', keys=['points'], more_meta_keys=['cloud']),
]
people = dict(
    type='WaymoKeypointDataset', data_root=data_root, modality=modality, metainfo=metainfo)

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(people, ann_file='waymo_infos_train.pkl', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(people, ann_file='waymo_infos_val.pkl', test_mode=True, pipeline=pipeline)
            for pipeline in (raw_pipeline, cleaned_pipeline)
        ]))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='KeypointMetricByCloud', ann_file=data_root + '/waymo_infos_val.pkl')
test_evaluator = val_evaluator
