# Focals Conv-F in CenterPoint on nuScenes, as published: 63.86 mAP, 69.41 NDS (val).
_base_ = [
    '_base_/models/centerpoint_nuscenes.py',
    '../_base_/datasets/nuscenes_fusion_balanced.py',
    '../_base_/schedules/onecycle_20e.py',
    '_base_/initial_weights/centerpoint_nuscenes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    data_preprocessor=dict(bgr_to_rgb=True),
    # pretrained='deeplabv3_resnet50_coco-cd0a2569.pth', prefix='backbone.' as published
    image_encoder=dict(type='ShallowImageEncoder'),
    middle_encoder=dict(
        focal=dict(skip_mask_kernel=True),
        importance_loss_weight=0,
        image_fusion=dict(
            join='add',
            mask_multi=True,
            skip_mask_kernel=True,
            # cameras: front, front right, front left, back, back left, back right
            minimum_depth=(1, 0, 0, 0.5, 0, 0))))
