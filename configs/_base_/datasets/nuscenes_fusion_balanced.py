# nuScenes, LiDAR with nine earlier sweeps (det3d counts the key frame: ten) and six cameras at 2/3
# scale, balanced classes.
# Sampled objects are pasted into the images: after create_data.py nuscenes, run
#     sparse3d create-data crops nuscenes data/nuscenes
_base_ = ['nuscenes_lidar_balanced.py']
from sparse3d.engine.pipeline_steps import changed, inserted_after

image_size = [600, 1066]  # height, width in pixels
modality = dict(use_lidar=True, use_camera=True)

load_images = dict(type='LoadMultiViewImages')
shrink_images = dict(
    type='AugmentImages',
    size=image_size,
    training=False,
    resampling=dict(interpolation='bilinear', published_resize_matrix=True))
train_pipeline = changed(
    inserted_after(
        _base_.train_pipeline, LoadSweepPoints=load_images, GroundTruthSampling=shrink_images),
    GroundTruthSampling=dict(images=dict(paste=True)),
    PackSample=dict(
        keys=['points', 'img', 'gt_bboxes_3d', 'gt_labels_3d', 'gt_velocity_known'],
        more_meta_keys=_base_.meta_keys))
test_pipeline = changed(
    inserted_after(_base_.test_pipeline, LoadSweepPoints=[load_images, shrink_images]),
    PackSample=dict(keys=['points', 'img'], more_meta_keys=_base_.meta_keys))

train_dataloader = dict(
    dataset=dict(dataset=dict(pipeline=train_pipeline, modality=modality)))
val_dataloader = dict(num_workers=4, dataset=dict(pipeline=test_pipeline, modality=modality))
test_dataloader = val_dataloader
val_evaluator = dict(modality=modality)
test_evaluator = val_evaluator
