# nuScenes: classes, ranges, splits and metric, which the data sets of its sensors share.
# Data elsewhere: --cfg-options data_root=/disk/nuscenes, or SPARSE3D_NUSCENES=/disk/nuscenes.
data_root = '{{$SPARSE3D_NUSCENES:data/nuscenes}}'
class_names = [
    'car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle', 'bicycle',
    'pedestrian', 'traffic_cone'
]
metainfo = dict(classes=class_names)
# Beside mmdet3d's own: what LoadMultiViewImages and the dataset say of a sample.
meta_keys = [
    'img_timestamp', 'image_valid', 'view_names', 'num_frames', 'timestamp', 'lidar2global',
    'token', 'scene_token', 'frame_idx'
]

train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='NuScenesDetectionDataset',
        data_root=data_root,
        ann_file='nuscenes_infos_train.pkl',
        unknown_velocities='nan',
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='NuScenesDetectionDataset',
        data_root=data_root,
        ann_file='nuscenes_infos_val.pkl',
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(
    type='NuScenesDetectionMetric',
    data_root=data_root,
    ann_file=data_root + '/nuscenes_infos_val.pkl')
test_evaluator = val_evaluator
