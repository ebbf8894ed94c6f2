# LiDAR and cameras of a custom data set, cameras of any names (docs/custom_data.md).
# Data elsewhere: --cfg-options data_root=/disk/mine, or SPARSE3D_OWN_DATA=/disk/mine.
_base_ = ['custom_cameras.py']
class_names = ['Car']                                      # as in the box files, in label order
cameras = ['FRONT']                                        # folders of images/, in any order
columns = 4                                                # numbers of a point
point_cloud_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]  # meters: x, y, z from, x, y, z to
image_size = [96, 320]                                     # height, width in pixels
metainfo = dict(classes=class_names)
modality = dict(use_lidar=True, use_camera=True)
meta_keys = ['image_valid', 'view_names', 'timestamp', 'lidar2global']

# All points go into the depth image; voxels are made inside of the range alone.
train_pipeline = [
    dict(type='LoadPointFile', columns=columns),
    dict(type='LoadMultiViewImages', cameras=cameras),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(type='AugmentImages', size=image_size, training=False),
    dict(
        type='AugmentScene',
        rotation=[-0.3, 0.3],
        scale=[0.95, 1.05],
        flip_horizontal=0.5,
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='KeepObjects', point_cloud_range=point_cloud_range, classes=class_names),
    dict(type='PointShuffle'),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='LoadPointFile', columns=columns),
    dict(type='LoadMultiViewImages', cameras=cameras),
    dict(type='AugmentImages', size=image_size, training=False),
    dict(type='PackSample', keys=['points', 'img'], more_meta_keys=meta_keys),
]
train_dataloader = dict(
    dataset=dict(pipeline=train_pipeline, modality=modality, metainfo=metainfo))
val_dataloader = dict(
    dataset=dict(pipeline=test_pipeline, modality=modality, metainfo=metainfo))
test_dataloader = val_dataloader
