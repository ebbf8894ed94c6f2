# Focals Conv-F in Voxel R-CNN on KITTI, cars, as published: 85.68 AP11, 86.00 AP40 (moderate, 3D).
_base_ = [
    '_base_/models/voxel_rcnn_kitti_car.py',
    '../_base_/datasets/kitti_car_images.py',
    '../_base_/schedules/onecycle_80e.py',
    '_base_/initial_weights/voxel_rcnn_kitti.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    data_preprocessor=dict(bgr_to_rgb=True),
    # pretrained='deeplabv3_resnet50_coco-cd0a2569.pth', prefix='backbone.' as published
    image_encoder=dict(type='ShallowImageEncoder'),
    middle_encoder=dict(focal=dict(stages=(1, 2, 3)), image_fusion=dict(join='concatenate')))
