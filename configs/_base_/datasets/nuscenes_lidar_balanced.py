# nuScenes, LiDAR with nine earlier sweeps (OpenPCDet and det3d count the key frame: their ten),
# the recipe of CenterPoint, Focals Conv and DSVT: balanced classes, objects of other samples added.
# Data elsewhere: --cfg-options data_root=/disk/nuscenes, or SPARSE3D_NUSCENES=/disk/nuscenes.
_base_ = ['./nuscenes_lidar.py']
data_root = '{{$SPARSE3D_NUSCENES:data/nuscenes}}'
class_names = [
    'car', 'truck', 'construction_vehicle', 'bus', 'trailer', 'barrier', 'motorcycle', 'bicycle',
    'pedestrian', 'traffic_cone'
]
point_cloud_range = [-54.0, -54.0, -5.0, 54.0, 54.0, 3.0]  # meters: x, y, z from, x, y, z to

load_points = dict(type='LoadSweepPoints', sweeps=9)  # x, y, z, intensity, age in seconds
train_pipeline = [
    load_points,
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='GroundTruthSampling',
        data_root=data_root,
        info_path=data_root + '/nuscenes_dbinfos_train.pkl',
        classes=class_names,
        groups=dict(
            car=2, truck=3, construction_vehicle=7, bus=4, trailer=6, barrier=2, motorcycle=6,
            bicycle=6, pedestrian=2, traffic_cone=2),
        columns=5),
    dict(
        type='AugmentScene',
        rotation=[-0.78539816, 0.78539816],
        scale=[0.9, 1.1],
        translation_std=[0.5, 0.5, 0.5],
        flip_horizontal=0.5,
        flip_vertical=0.5,
        order=['flip', 'rotate', 'scale', 'translate']),
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='PointShuffle'),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['points', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=['token']),
]
test_pipeline = [
    load_points,
    dict(type='PointsRangeFilter', point_cloud_range=point_cloud_range),
    dict(type='PackSample', keys=['points'], more_meta_keys=['token']),
]

train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        dataset=dict(
            type='NuScenesDetectionDataset',
            data_root=data_root,
            ann_file='nuscenes_infos_train.pkl',
            pipeline=train_pipeline,
            modality=dict(use_lidar=True, use_camera=False),
            unknown_velocities='nan',
            metainfo=dict(classes=class_names))))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
