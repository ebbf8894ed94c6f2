# EVA-02 large at 1600 x 640, fifteen frames interleaved, on the train set alone; starts from
# EVA-02's detection weights. Published numbers: ..._future_nuscenes_trainval.
_base_ = ['sparsebev_v299_future_nuscenes.py']

frames = dict(kind='interleaved')
model = dict(
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    frames_with_gradient=4,
    frame_kind='interleaved',  # as frames.kind
    backbone=dict(
        _delete_=True,
        type='SimpleFeaturePyramid',  # learns and is pre-trained with the transformer, as published
        net=dict(type='EVA02', blocks=dict(drop_path=0.3, with_checkpoint=True), frozen_blocks=3),
        in_channels=1024,
        out_channels=256,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/pretrained/eva02_L_coco_seg_sys_o365.pth',
            prefix='backbone')),
    neck=None,
    bbox_head=dict(decoder=dict(num_points=8)))

train_dataloader = dict(dataset=dict(frames=frames))
val_dataloader = dict(dataset=dict(frames=frames))
test_dataloader = dict(dataset=dict(frames=frames))
