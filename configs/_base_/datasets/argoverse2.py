# Argoverse 2 up to 200 m: 26 classes in the order of a detector's tasks.
# Data elsewhere: --cfg-options data_root=/disk/argoverse2, or
# SPARSE3D_ARGOVERSE2=/disk/argoverse2.
_base_ = []
from sparse3d_configs._base_ import argoverse2_classes, grids

data_root = '{{$SPARSE3D_ARGOVERSE2:data/argoverse2}}'
class_names = argoverse2_classes.CLASSES
point_cloud_range = grids.ARGOVERSE2_RANGE_200  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

# x, y, z, intensity 0 to 255; with num_frames=2..5 also the age in seconds
load_points = dict(type='LoadArgoverse2Points', num_frames=1)
# Of the frequent large ones one is added to a scene, of the others two.
once = ['REGULAR_VEHICLE', 'LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'VEHICULAR_TRAILER',
        'TRUCK_CAB', 'SCHOOL_BUS', 'ARTICULATED_BUS', 'MOBILE_PEDESTRIAN_CROSSING_SIGN']
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        database=dict(
            data_root=data_root, info_path=data_root + '/argoverse2_dbinfos_train.pkl',
            min_points={name: 5 for name in class_names}, columns=4),
        classes=class_names,
        groups={name: 1 if name in once else 2 for name in class_names}),
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.95, 1.05],
        translation_std=[0.5, 0.5, 0.5],
        flip_horizontal=0.5,
        flip_vertical=0.5),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='ShufflePoints'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    load_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='Argoverse2DetectionDataset',
        data_root=data_root,
        ann_file='argoverse2_infos_train.pkl',
        pipeline=train_pipeline,
        modality=modality,
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='Argoverse2DetectionDataset',
        data_root=data_root,
        ann_file='argoverse2_infos_val.pkl',
        pipeline=test_pipeline,
        modality=modality,
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

# The leaderboard's: within 150 m and 5 m of the drivable area.
val_evaluator = dict(
    type='Argoverse2DetectionMetric', ann_file=data_root + '/argoverse2_infos_val.pkl')
test_evaluator = val_evaluator
