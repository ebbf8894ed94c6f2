# A simulated drive in Argoverse 2's layout, four classes
# (make one: sparse3d simulate argoverse2, then sparse3d create-data argoverse2).
# Data elsewhere: SPARSE3D_SIMULATED_ARGOVERSE2=/data/drive sparse3d train ...
_base_ = []
from sparse3d_configs._base_ import grids

data_root = '{{$SPARSE3D_SIMULATED_ARGOVERSE2:data/simulated_argoverse2}}'
class_names = grids.ARGOVERSE2_FOUR_CLASSES
point_cloud_range = grids.ARGOVERSE2_RANGE_77  # meters: x, y, z from, x, y, z to
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=False)

# x, y, z, intensity 0 to 1; with num_frames above 1 also the age in seconds
load_points = dict(type='LoadArgoverse2Points', num_frames=1, intensity_scale=1 / 255)
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='AugmentScene',
        rotation=[-0.3, 0.3],
        scale=[0.95, 1.05],
        flip_horizontal=0.5,
        flip_vertical=0.5),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='PointShuffle'),
    dict(type='PackSample', keys=['points', 'gt_bboxes_3d', 'gt_labels_3d']),
]
test_pipeline = [
    load_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points']),
]

train_dataloader = dict(
    batch_size=2,
    num_workers=1,
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
    num_workers=1,
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

val_evaluator = dict(
    type='Argoverse2DetectionMetric', ann_file=data_root + '/argoverse2_infos_val.pkl')
test_evaluator = val_evaluator
