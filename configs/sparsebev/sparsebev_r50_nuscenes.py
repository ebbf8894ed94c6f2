# ResNet-50 at 704 x 256, 900 queries, 8 frames; published: 55.6 NDS on the validation set.
_base_ = [
    '../_base_/datasets/nuscenes_camera.py', '_base_/models/sparsebev_r50.py',
    '_base_/schedules/sparsebev_24e.py', '../_base_/default_runtime.py'
]
custom_imports = dict(imports=['sparsebev.register'])

model = dict(
    data_preprocessor=dict(
        distortion=dict(type='PhotometricDistortion', published_unclipped=True)),
    cache_frames=8,  # in evaluation; 105 MB each
    image_mask=dict(type='GridMask', probability=0.7, ratio=0.5),
    backbone=dict(
        # Cascade Mask R-CNN on nuImages, from mmdet3d's model zoo; its pyramid is not used.
        init_cfg=dict(
            type='Pretrained',
            checkpoint='data/pretrained/cascade_mask_rcnn_r50_fpn_coco-20e_20e_nuim_'
            '20201009_124951-40963960.pth',
            prefix='backbone')))
