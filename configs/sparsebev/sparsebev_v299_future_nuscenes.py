# V2-99 at 1600 x 640, seven past and seven future frames, on the train set alone; starts from
# DD3D's weights. Published numbers: ..._future_nuscenes_trainval.
_base_ = ['sparsebev_r50_nuscenes.py']
from sparse3d.engine.pipeline_steps import changed

image_size = [640, 1600]  # height, width in pixels
frames = dict(num_frames=15, kind='future')
model = dict(
    frame_kind='future',  # as frames.kind
    cache_frames=0,  # half a gigabyte each
    data_preprocessor=dict(
        mean=[103.53, 116.28, 123.675],
        std=[57.375, 57.12, 58.395],
        bgr_to_rgb=False,
        num_frames=15),
    backbone=dict(
        _delete_=True,
        type='VoVNet',
        name='V-99-eSE',
        frozen_stages=2,
        norm_eval=True,
        with_checkpoint=True,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/pretrained/dd3d_det_final.pth',
            prefix='img_backbone')),
    neck=dict(in_channels=[256, 512, 768, 1024], num_outs=5),
    bbox_head=dict(num_queries=1600, decoder=dict(num_levels=5, num_points=4, num_frames=15)))

train_pipeline = changed(
    _base_.train_pipeline, AugmentImages=dict(size=image_size, resize=[0.94, 1.25]))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, frames=frames))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))
test_dataloader = val_dataloader
