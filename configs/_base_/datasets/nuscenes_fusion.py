# nuScenes, LiDAR with ten earlier sweeps and six cameras, ten classes.
_base_ = ['nuscenes_lidar.py']
from sparse3d.engine.pipeline_steps import changed, inserted_after

image_size = [448, 800]  # height, width in pixels
modality = dict(use_lidar=True, use_camera=True)

load_images = dict(type='LoadMultiViewImages')
train_pipeline = changed(
    inserted_after(
        _base_.train_pipeline,
        LoadSweepPoints=load_images,
        LoadAnnotations3D=dict(
            type='AugmentImages', size=image_size, resize=[0.45, 0.55], flip=0.5,
            separately=True)),
    PackSample=dict(
        keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=_base_.meta_keys))
test_pipeline = changed(
    inserted_after(
        _base_.test_pipeline,
        LoadSweepPoints=[
            load_images, dict(type='AugmentImages', size=image_size, training=False)]),
    PackSample=dict(keys=['points', 'img'], more_meta_keys=_base_.meta_keys))

train_dataloader = dict(dataset=dict(pipeline=train_pipeline, modality=modality))
val_dataloader = dict(num_workers=4, dataset=dict(pipeline=test_pipeline, modality=modality))
test_dataloader = val_dataloader
val_evaluator = dict(modality=modality)
test_evaluator = val_evaluator
