# Focals Conv-F on a simulated drive in nuScenes' layout: six cameras, one focal layer with images.
_base_ = [
    '../_base_/models/centerpoint_small_nuscenes.py',
    '../_base_/datasets/simulated_nuscenes_fusion.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv.register'])

model = dict(
    data_preprocessor=dict(bgr_to_rgb=True),
    image_encoder=dict(type='ShallowImageEncoder', depth=18, base_channels=16),
    middle_encoder=dict(
        type='FocalSparseEncoder',
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range={{_base_.grid_range}},
        focal=dict(stages=(1, 2), max_dilation=0.25),
        image_fusion=dict(join='add', mask_multi=True)))

default_hooks = dict(validate_first=dict(max_batches=2))
