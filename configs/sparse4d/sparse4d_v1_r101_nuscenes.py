# v1, four frames, ResNet-101 at 1600 x 640; published: .5438 NDS, .4409 mAP on the validation set.
_base_ = [
    '_base_/datasets/nuscenes_key_frames.py', '_base_/models/sparse4d_v1_r101.py',
    '_base_/schedules/sparse4d_v1_24e.py', '../_base_/default_runtime.py'
]
from sparse3d.engine.pipeline_steps import changed

custom_imports = dict(imports=['sparse4d.register'])

image_size = [640, 1600]  # height, width in pixels: the lower part of a whole picture

model = dict(
    data_preprocessor=dict(
        distortion=dict(type='PhotometricDistortion'),
        num_train_frames=4),  # as the data set brings
    image_mask=dict(type='GridMask', probability=0.7, ratio=0.5),
    backbone=dict(
        init_cfg=dict(  # FCOS3D on nuScenes, released beside v1
            type='Pretrained', checkpoint='data/pretrained/fcos3d.pth', prefix='img_backbone')),
    bbox_head=dict(bank=dict(anchors=None)),  # as in sparse4d_v3_r50_nuscenes.py
    training=dict(
        type='Sparse4DFramesTraining',
        matching=dict(
            code_weights=[2, 2, 2, 1, 1, 1, 1, 1, 1, 1],
            round_classes=[9],  # traffic cones have no direction
            round_weights=[1, 1, 1, 1, 1, 1, 0, 0, 1, 1])))

test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(batch_size=1, num_workers=2)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
