# Stage 2 of SparseFusion, ResNet-50: cameras and fusion around a trained TransFusion-L.
# Start from:  python -m sparsefusion.initial_weights TRANSFUSION_L MASK_RCNN initial.pth
#   sparse3d train CONFIG --cfg-options load_from=initial.pth
_base_ = [
    '../_base_/datasets/nuscenes_fusion.py',
    '../_base_/models/sparsefusion_r50.py',
    '../_base_/schedules/sparsefusion_6e.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparsefusion.register'])

data_root = '{{$SPARSE3D_NUSCENES:data/nuscenes}}'
meta_keys = ['image_valid', 'valid_shape', 'view_names', 'timestamp', 'lidar2global', 'token']
# Points are not cut to the range here: the depth image of the cameras takes them all, and voxels
# are made inside of the range alone.
train_pipeline = [
    {{_base_.load_points}},
    dict(type='LoadMultiViewImages'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='AugmentScene',
        rotation=[-0.785, 0.785],
        scale=[0.9, 1.1],
        translation_std=[0.5, 0.5, 0.5],
        flip_horizontal=0.5,
        flip_vertical=0.5,
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='FitViews', size={{_base_.image_size}}, scale=[0.9, 1.1]),
    dict(
        type='KeepObjects',
        point_cloud_range={{_base_.point_cloud_range}},
        classes={{_base_.class_names}}),
    dict(type='PointShuffle'),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=meta_keys),
]
test_pipeline = [
    {{_base_.load_points}},
    dict(type='LoadMultiViewImages', missing_files='mask'),  # a lost camera is done without
    dict(type='FitViews', size={{_base_.image_size}}),
    dict(type='PackSample', keys=['points', 'img'], more_meta_keys=meta_keys),
]
train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs
    dataset=dict(
        _delete_=True,
        type='ClassBalancedDataset',
        dataset=dict(
            type='NuScenesDetectionDataset',
            data_root=data_root,
            ann_file='nuscenes_infos_train.pkl',
            pipeline=train_pipeline,
            modality={{_base_.modality}},
            unknown_velocities='nan',
            metainfo={{_base_.metainfo}})))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# A batch in which no camera sees a LiDAR cell leaves the semantic transfer without gradients.
find_unused_parameters = True
