# SparseBEV on the cameras of a custom data set, from random weights (docs/custom_data.md).
_base_ = [
    '../_base_/datasets/custom_cameras.py', '_base_/models/sparsebev_small.py',
    '_base_/schedules/sparsebev_minutes.py', '../_base_/default_runtime.py'
]
custom_imports = dict(imports=['sparsebev.register'])

model = dict(
    data_preprocessor=dict(num_frames={{_base_.frames.num_frames}}),
    bbox_head=dict(
        num_classes=1,  # as many as class_names
        decoder=dict(num_frames={{_base_.frames.num_frames}}),
        point_cloud_range={{_base_.point_cloud_range}}))

default_hooks = dict(validate_first=dict(max_batches=2))
