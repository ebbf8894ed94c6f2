# SparseFusion on LiDAR and cameras of a custom data set, from nothing (docs/custom_data.md).
_base_ = [
    '../_base_/datasets/custom_fusion.py',
    '_base_/models/sparsefusion_small.py',
    '_base_/schedules/sparsefusion_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['sparsefusion.register'])

model = dict(
    voxel_encoder=dict(num_features={{_base_.columns}}),
    middle_encoder=dict(in_channels={{_base_.columns}}),
    bbox_head=dict(
        num_classes=1,  # as many as class_names, and radii for each: meters between two of a class
        candidates=dict(unsuppressed_classes=[]),
        detections=dict(suppression=dict(radii=[0.5]))))

default_hooks = dict(validate_first=dict(max_batches=1))
