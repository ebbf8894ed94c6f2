# KITTI, LiDAR and the left color camera, the three benchmark classes.
# Sampled objects are pasted into the images: after create_data.py kitti, run
#     sparse3d create-data crops kitti data/kitti
_base_ = ['kitti_3class.py']
from sparse3d.engine.pipeline_steps import changed, inserted_after, replaced

modality = dict(use_lidar=True, use_camera=True)

load_image = dict(type='LoadKittiImage')
# The transforms that take images along, in place of mmdet3d's.
train_pipeline = replaced(
    changed(
        inserted_after(_base_.train_pipeline, LoadPoints=load_image),
        GroundTruthSampling=dict(database=dict(min_points=None), images=dict(paste=True))),
    RandomFlip3D=[],
    GlobalRotScaleTrans=dict(
        type='AugmentScene',
        flip_horizontal=0.5,
        rotation=(-0.78539816, 0.78539816),
        scale=(0.95, 1.05)),
    ObjectRangeFilter=dict(type='KeepObjects', point_cloud_range=_base_.point_cloud_range),
    Pack3DDetInputs=dict(
        type='PackSample', keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d']))
test_pipeline = replaced(
    inserted_after(_base_.test_pipeline, LoadPoints=load_image),
    Pack3DDetInputs=dict(type='PackSample', keys=['points', 'img']))

train_dataloader = dict(dataset=dict(pipeline=train_pipeline, modality=modality))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, modality=modality))
test_dataloader = val_dataloader
