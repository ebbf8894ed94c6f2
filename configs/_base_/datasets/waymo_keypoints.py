# Waymo, people with 14 labeled joints (pedestrians and cyclists as one class).
# Prepare with --keep-no-label-zones.
_base_ = ['waymo.py']
from sparse3d_configs._base_ import grids

class_names = ['Human']
point_cloud_range = grids.WAYMO_RANGE_75  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)

tanh = dict(type='TanhFeatures', columns=[3])  # tanh of intensity
# The published results are on clouds without the points of all other labeled objects; leave
# this out of the test pipeline for honest ones.
clean_points = dict(type='RemovePointsInOtherBoxes')
train_pipeline = [
    _base_.load_points,
    clean_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='LoadKeypoints3D'),
    dict(
        type='GroundTruthSampling',
        database=dict(
            data_root=_base_.data_root,
            info_path=_base_.data_root + '/waymo_people_dbinfos_train.pkl',
            min_points=dict(Human=5, Car=5), columns=6, use=[0, 1, 2, 3, 4]),
        classes=class_names,
        groups=dict(Human=20, Car=15),
        unlabeled=['Car'],  # points without labels, for the model to tell people from
        ),
    tanh,
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.95, 1.05],
        flip_horizontal=0.5,
        flip_vertical=0.5),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='ShufflePoints'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d']),
]
test_pipeline = [
    _base_.load_points,
    clean_points,
    tanh,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]

train_dataloader = dict(
    dataset=dict(type='WaymoKeypointDataset', pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(
    dataset=dict(type='WaymoKeypointDataset', pipeline=test_pipeline, metainfo=metainfo))
test_dataloader = val_dataloader
val_evaluator = dict(type='WaymoKeypointMetric')
test_evaluator = val_evaluator
