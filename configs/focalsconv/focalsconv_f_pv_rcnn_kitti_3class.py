# Focals Conv-F in PV-RCNN on KITTI, as published: car 84.58 AP11, 85.34 AP40 (moderate, 3D).
_base_ = [
    '_base_/models/pv_rcnn_kitti.py',
    '../_base_/datasets/kitti_3class_images.py',
    '../_base_/schedules/onecycle_80e.py',
    '_base_/initial_weights/pv_rcnn_kitti.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    data_preprocessor=dict(bgr_to_rgb=True),
    # pretrained='deeplabv3_resnet50_coco-cd0a2569.pth', prefix='backbone.' as published
    image_encoder=dict(type='ShallowImageEncoder'),
    middle_encoder=dict(focal=dict(stages=(1, 2, 3)), image_fusion=dict(join='concatenate')))
