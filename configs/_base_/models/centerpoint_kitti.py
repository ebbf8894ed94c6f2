# CenterPoint on KITTI voxels of 5 cm with mmdet3d's plain sparse encoder (no velocity).
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads, voxel_map

grid_voxel_size = grids.KITTI_VOXEL
grid_range = grids.KITTI_RANGE
grid_shape = [41, 1600, 1408]
grid_stride = 8  # cells of the heat map in voxels

model = dict(
    type='VoxelDetector',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=5, max_voxels=(16000, 40000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=4),
    middle_encoder=dict(
        type='SparseEncoder',
        in_channels=4,
        sparse_shape=grid_shape,
        encoder_channels=((16, ), (32, 32, 32), (64, 64, 64), (64, 64, 64)),
        encoder_paddings=((1, ), (1, 1, 1), (1, 1, 1), ((0, 1, 1), 1, 1)),
        output_channels=128),
    backbone=voxel_map.backbone(256, [128, 256], [5, 5]),
    neck=voxel_map.neck([128, 256], [256, 256]),
    bbox_head=center_heads.head(
        [dict(num_class=1, class_names=['Car'])],
        512, 64, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.KITTI_CENTER_RANGE,
        loss_weight=0.25, max_objs=100, max_num=300, nms_thr=0.1, pre_max_size=500,
        post_max_size=83,
        code_weights=[1.0] * 8))
