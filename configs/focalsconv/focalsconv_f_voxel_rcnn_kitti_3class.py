# Focals Conv-F in Voxel R-CNN on KITTI, three classes, as published.
_base_ = [
    '_base_/models/voxel_rcnn_kitti.py',
    '../_base_/datasets/kitti_3class_images.py',
    '../_base_/schedules/onecycle_80e.py',
    '_base_/initial_weights/voxel_rcnn_kitti.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import changed

custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    data_preprocessor=dict(bgr_to_rgb=True),
    # pretrained='deeplabv3_resnet50_coco-cd0a2569.pth', prefix='backbone.' as published
    image_encoder=dict(type='ShallowImageEncoder'),
    middle_encoder=dict(focal=dict(stages=(1, 2, 3)), image_fusion=dict(join='concatenate')))

# More sampled objects than the other recipes.
train_pipeline = changed(
    _base_.train_pipeline,
    GroundTruthSampling=dict(groups=dict(Car=20, Pedestrian=15, Cyclist=15)))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
