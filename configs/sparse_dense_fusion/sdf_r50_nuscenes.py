# Sparse-Dense Fusion, ResNet-50: both branches around a trained TransFusion-L.
# Start from:
#   python -m sparse_dense_fusion.initial_weights TRANSFUSION_L MASK_RCNN initial.pth
#   sparse3d train CONFIG --cfg-options load_from=initial.pth
_base_ = [
    '../_base_/datasets/nuscenes_fusion.py',
    '_base_/models/sdf_r50.py',
    '_base_/schedules/sdf_6e.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import changed, inserted_after, replaced

custom_imports = dict(imports=['sparse_dense_fusion.register'])

meta_keys = ['image_valid', 'valid_shape', 'view_names', 'timestamp', 'lidar2global', 'token']
# Points are not cut to the range here: the depths of the images take them all, and voxels are made
# inside of the range alone. Images are fitted after the scene was moved.
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
train_dataloader = dict(
    batch_size=4,  # on each of 4 GPUs
    dataset=dict(
        _delete_=True,  # the base's dataset stands in another one
        type='ClassBalancedDataset',
        dataset=dict(_base_.train_dataloader.dataset, pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# Frozen parts, and levels of the pyramid that a single branch does not read, have no gradients.
find_unused_parameters = True
