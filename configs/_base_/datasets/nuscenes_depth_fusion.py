# nuScenes, LiDAR and cameras, for detectors that see the LiDAR's depths in the images: points are
# not cut to the range, as the depths take them all (voxels are made inside of it alone), and
# images are fitted after the scene was moved.
_base_ = ['nuscenes_fusion.py']
from sparse3d.engine.pipeline_steps import changed, inserted_after, replaced

meta_keys = [
    'image_valid', 'valid_shape', 'view_names', 'timestamp', 'lidar2global', 'token']
train_pipeline = changed(
    inserted_after(
        replaced(_base_.train_pipeline, PointsRangeFilter=[], AugmentImages=[]),
        AugmentScene=dict(type='FitViews', size=_base_.image_size, scale=[0.9, 1.1])),
    PackSample=dict(more_meta_keys=meta_keys))
test_pipeline = changed(
    replaced(
        _base_.test_pipeline,
        PointsRangeFilter=[],
        AugmentImages=dict(type='FitViews', size=_base_.image_size)),
    LoadMultiViewImages=dict(missing_files='mask'),  # a lost camera is done without
    PackSample=dict(more_meta_keys=meta_keys))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
