# The small CenterPoint on parking lots.
_base_ = [
    'sparse3d::_base_/models/centerpoint_small.py',
    'sparse3d::_base_/schedules/onecycle_minutes.py',
    'sparse3d::_base_/default_runtime.py',
]
data_root = '{{$PARKING_LOT:data/parking_lot}}'
point_cloud_range = [0, -20, -3, 51.2, 20, 1]  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=['car'])

model = dict(bbox_head=dict(tasks=[dict(num_class=1, class_names=['car'])]))

train_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='AugmentScene', rotation=[-0.2, 0.2], scale=[0.95, 1.05], flip_horizontal=0.5),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ObjectRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadPoints', columns=4),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ParkingLotDataset',
        data_root=data_root,
        ann_file='parking_lot_infos_train.pkl',
        pipeline=train_pipeline,
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ParkingLotDataset',
        data_root=data_root,
        ann_file='parking_lot_infos_val.pkl',
        pipeline=test_pipeline,
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = [dict(type='ParkedCarsMetric'), dict(type='BoxDetectionMetric')]
test_evaluator = val_evaluator
