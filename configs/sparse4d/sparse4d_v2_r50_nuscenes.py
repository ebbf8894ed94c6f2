# v2, ResNet-50 at 704 x 256; published: .5384 NDS, .4392 mAP on the validation set.
_base_ = [
    '_base_/datasets/nuscenes_sequences.py', '_base_/models/sparse4d_v2_r50.py',
    '_base_/schedules/sparse4d_100e.py', '../_base_/default_runtime.py'
]
from sparse3d.engine.pipeline_steps import changed, replaced

custom_imports = dict(imports=['sparse4d.register'])

model = dict(
    data_preprocessor=dict(distortion=dict(type='PhotometricDistortion')),
    image_mask=dict(type='GridMask', probability=0.7, ratio=0.5),
    backbone=dict(
        init_cfg=dict(  # ImageNet
            type='Pretrained', checkpoint='data/pretrained/resnet50-19c8e357.pth')),
    training=dict(
        type='Sparse4DTraining',
        matching=dict(round_classes=[9]),  # traffic cones have no direction
        denoising=dict(num_groups=0, num_temporal_groups=0)))

train_pipeline = changed(
    replaced(_base_.train_pipeline, LoadTrackIds=[]),
    DepthMaps=dict(drop_far=True),
    PackSample=dict(keys=[
        'img', 'depth_maps', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known']))
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
auto_scale_lr = dict(base_batch_size=64)
