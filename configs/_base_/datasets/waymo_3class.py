# Waymo, one LiDAR frame, vehicles (called Car as in mmdet3d), pedestrians, cyclists.
_base_ = ['waymo.py']
from sparse3d_configs._base_ import grids

class_names = grids.CAR_PEDESTRIAN_CYCLIST
point_cloud_range = grids.WAYMO_RANGE_74  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)

tanh = dict(type='TanhFeatures', columns=[3, 4])  # tanh of intensity and elongation
train_pipeline = [
    _base_.load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        database=dict(
            data_root=_base_.data_root, info_path=_base_.data_root + '/waymo_dbinfos_train.pkl',
            min_points=dict(Car=5, Pedestrian=10, Cyclist=10), columns=6, use=[0, 1, 2, 3, 4]),
        classes=class_names,
        groups=dict(Car=15, Pedestrian=10, Cyclist=10)),
    tanh,
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
    _base_.load_points,
    tanh,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]

train_dataloader = dict(
    dataset=dict(
        type='WaymoDetectionDataset',
        load_interval=1,  # 5 trains on a fifth of the frames, as many published results
        pipeline=train_pipeline,
        metainfo=metainfo))
val_dataloader = dict(
    dataset=dict(type='WaymoDetectionDataset', pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = dict(type='WaymoDetectionMetric')
test_evaluator = val_evaluator
