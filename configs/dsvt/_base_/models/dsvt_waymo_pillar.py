# DSVT on Waymo pillars of 0.32 m: one stage of four blocks, center head with overlap.
_base_ = []
from sparse3d_configs._base_ import grids

model_range = grids.WAYMO_RANGE_74  # meters: x, y, z from, x, y, z to
model_voxel_size = [0.32, 0.32, 6]                   # meters
model_grid = [468, 468, 1]                           # cells: x, y, z

model = dict(
    type='VoxelDetector',
    data_preprocessor=dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_type='dynamic',
        voxel_layer=dict(
            max_num_points=-1,
            point_cloud_range=model_range,
            voxel_size=model_voxel_size,
            max_voxels=(-1, -1))),
    voxel_encoder=dict(
        type='DynamicVoxelEncoder',
        in_channels=5,  # x, y, z, tanh(intensity), tanh(elongation)
        feat_channels=(192, 192),
        voxel_size=model_voxel_size,
        point_cloud_range=model_range),
    middle_encoder=dict(
        type='DSVTEncoder',
        grid_shape=model_grid,
        channels=192,
        blocks=(4, ),
        sets=dict(
            window_shapes=((12, 12, 1), ), set_size=36, hybrid_factor=(2, 2, 1),
            window_shift=(6, 6, 0)),
        pool_strides=(),
        attention=dict(num_heads=8, feedforward_channels=384)),
    backbone=dict(
        type='ResidualBEVBackbone',
        in_channels=192,
        layer_nums=(2, 3, 3),
        layer_strides=(1, 2, 2),
        out_channels=(128, 128, 256),
        upsample_strides=(1, 2, 4),
        upsample_channels=(128, 128, 128)),
    bbox_head=dict(
        type='IoUCenterHead',
        in_channels=384,
        num_classes=3,
        bbox_coder=dict(voxel_size=model_voxel_size, point_cloud_range=model_range),
        detections=dict(rectifier=(0.68, 0.71, 0.65), iou_thresholds=(0.7, 0.6, 0.55))))
