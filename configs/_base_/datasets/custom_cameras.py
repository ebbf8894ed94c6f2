# Cameras of a custom data set, any names and any number, one frame (docs/custom_data.md).
# Data elsewhere: --cfg-options data_root=/disk/mine, or SPARSE3D_OWN_DATA=/disk/mine.
data_root = '{{$SPARSE3D_OWN_DATA:data/mine}}'
class_names = ['Car']                                      # as in the box files, in label order
cameras = ['FRONT']                                        # folders of images/, in any order
point_cloud_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]  # meters: x, y, z from, x, y, z to
image_size = [96, 320]                                     # height, width in pixels
# Several frames want frames.json in the data set and the same number in the model.
frames = dict(num_frames=1, kind='past')                   # now and the past; see FrameChoice
metainfo = dict(classes=class_names)
modality = dict(use_lidar=False, use_camera=True)
# Beside mmdet3d's own: what LoadMultiViewImages and the dataset say of a sample.
meta_keys = [
    'img_timestamp', 'image_valid', 'view_names', 'num_frames', 'timestamp', 'lidar2global',
    'scene_token'
]

train_pipeline = [
    dict(type='LoadMultiViewImages', cameras=cameras),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    # The whole width. For more variety: resize=[0.5, 0.65], flip=0.5 without training=False.
    dict(type='AugmentImages', size=image_size, training=False),
    dict(
        type='AugmentScene',
        rotation=[-0.3925, 0.3925],
        scale=[0.95, 1.05],
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='LoadMultiViewImages', cameras=cameras),
    dict(type='AugmentImages', size=image_size, training=False),
    dict(type='PackSample', keys=['img'], more_meta_keys=meta_keys),
]

train_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='EpochSampler', shuffle=True),
    dataset=dict(
        type='CustomDetectionDataset',
        data_root=data_root,
        ann_file='own_infos_train.pkl',
        pipeline=train_pipeline,
        modality=modality,
        frames=frames,
        velocities=True,
        unknown_velocities='nan',
        metainfo=metainfo))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CustomDetectionDataset',
        data_root=data_root,
        ann_file='own_infos_val.pkl',
        pipeline=test_pipeline,
        modality=modality,
        frames=frames,
        velocities=True,
        metainfo=metainfo,
        test_mode=True))
test_dataloader = val_dataloader

val_evaluator = dict(type='BoxDetectionMetric')
test_evaluator = val_evaluator
