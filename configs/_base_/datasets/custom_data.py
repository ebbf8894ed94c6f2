# A custom data set, LiDAR only (docs/custom_data.md).
# Data elsewhere: --cfg-options data_root=/disk/mine, or SPARSE3D_OWN_DATA=/disk/mine.
data_root = '{{$SPARSE3D_OWN_DATA:data/mine}}'
class_names = ['Car']                          # as in the box files, in label order
point_cloud_range = [0, -20, -3, 51.2, 20, 1]  # meters: x, y, z from, x, y, z to
columns = 4                                    # numbers of a point
metainfo = dict(classes=class_names)

train_pipeline = [
    dict(type='LoadPointFile', columns=columns),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        database=dict(
            data_root=data_root, info_path=data_root + '/own_dbinfos_train.pkl', columns=columns),
        classes=class_names,
        groups=10),
    dict(
        type='AugmentScene',
        rotation=[-0.4, 0.4],
        scale=[0.95, 1.05],
        flip_horizontal=0.5),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ObjectRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='ShufflePoints'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    dict(type='LoadPointFile', columns=columns),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='CustomDetectionDataset',
        data_root=data_root,
        ann_file='own_infos_train.pkl',
        pipeline=train_pipeline,
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=2,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDetectionDataset',
        data_root=data_root,
        ann_file='own_infos_val.pkl',
        pipeline=test_pipeline,
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='BoxDetectionMetric')
test_evaluator = val_evaluator
