# Focals Conv on a custom data set (docs/custom_data.md).
_base_ = [
    '../_base_/models/centerpoint_small.py',
    '../_base_/datasets/custom_data.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    middle_encoder=dict(
        type='FocalSparseEncoder',
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range={{_base_.grid_range}},
        # Bounds the time of a step while importance is still random.
        focal=dict(stages=(1, 2), max_dilation=0.25)))

default_hooks = dict(validate_first=dict(max_batches=2))
