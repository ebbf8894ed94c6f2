# CenterPoint on nuScenes voxels of 7.5 cm with the residual sparse encoder (no focal stages).
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads, voxel_map

grid_voxel_size = grids.NUSCENES_VOXEL
grid_range = grids.NUSCENES_RANGE_54
grid_shape = [41, 1440, 1440]
grid_stride = 8  # cells of the heat map in voxels

model = dict(
    type='VoxelDetector',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=10, max_voxels=(120000, 160000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=dict(
        type='FocalSparseEncoder',
        in_channels=5,
        sparse_shape=grid_shape,
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range,
        block_type='basicblock',
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((1, 1, 1), (1, 1, 1), (1, 1, (0, 1, 1)), (1, 1)),
        focal=dict(stages=())),
    backbone=voxel_map.backbone(256, [128, 256], [5, 5]),
    neck=voxel_map.neck([128, 256], [256, 256], use_conv_for_no_stride=True),
    bbox_head=center_heads.head(
        [
            dict(num_class=1, class_names=['car']),
            dict(num_class=2, class_names=['truck', 'construction_vehicle']),
            dict(num_class=2, class_names=['bus', 'trailer']),
            dict(num_class=1, class_names=['barrier']),
            dict(num_class=2, class_names=['motorcycle', 'bicycle']),
            dict(num_class=2, class_names=['pedestrian', 'traffic_cone']),
        ],
        512, 64, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.NUSCENES_CENTER_RANGE,
        moving=True, loss_weight=0.25, max_objs=500, max_num=500, nms_thr=0.2, pre_max_size=1000,
        post_max_size=83,
        code_weights=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2]))
