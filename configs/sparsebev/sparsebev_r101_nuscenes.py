# ResNet-101 at 1408 x 512, five levels; published: 59.2 NDS on the validation set.
_base_ = ['sparsebev_r50_nuscenes.py']

image_size = [512, 1408]  # height, width in pixels
model = dict(
    cache_frames=8,  # in evaluation; 420 MB each
    backbone=dict(
        depth=101,
        init_cfg=dict(
            checkpoint='data/pretrained/cascade_mask_rcnn_r101_fpn_1x_nuim_'
            '20201024_134804-45215b1e.pth')),
    neck=dict(num_outs=5),
    bbox_head=dict(num_levels=5))

train_pipeline = [
    dict(type='LoadMultiViewImages'),
    dict(type='LoadAnnotations3D', with_bbox_3d=True, with_label_3d=True),
    dict(
        type='KeepObjects',
        point_cloud_range={{_base_.point_cloud_range}},
        classes={{_base_.class_names}}),
    dict(
        type='AugmentImages',
        size=image_size,
        resize=[0.76, 1.1],
        flip=0.5),
    dict(
        type='AugmentScene',
        rotation=[-0.3925, 0.3925],
        scale=[0.95, 1.05],
        order=['rotate', 'scale', 'translate', 'flip']),
    dict(type='MarkUnknownVelocities'),
    dict(
        type='PackSample',
        keys=['img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys={{_base_.meta_keys}}),
]
test_pipeline = [
    dict(type='LoadMultiViewImages'),
    dict(type='AugmentImages', size=image_size, training=False),
    dict(type='PackSample', keys=['img'], more_meta_keys={{_base_.meta_keys}}),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.2))))
