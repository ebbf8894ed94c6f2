# A small CenterPoint for simulated drives: 51 m ahead, 20 m to each side, minutes on a CPU.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads

grid_voxel_size = [0.1, 0.1, 0.1]
grid_range = grids.KITTI_NEAR_RANGE
grid_shape = [41, 400, 512]
grid_stride = 4  # cells of the heat map in voxels

model = dict(
    type='VoxelDetector',
    data_preprocessor=dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_layer=dict(
            max_num_points=5,
            point_cloud_range=grid_range,
            voxel_size=grid_voxel_size,
            max_voxels=(20000, 40000))),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=4),
    middle_encoder=dict(
        type='SparseEncoder',
        in_channels=4,
        sparse_shape=grid_shape,
        encoder_channels=((16, ), (32, 32, 32), (32, 32, 32)),
        encoder_paddings=((1, ), (1, 1, 1), (1, 1, 1)),
        output_channels=32,
        norm_cfg=dict(type='BN1d', eps=1e-3, momentum=0.05)),
    backbone=dict(
        type='SECOND',
        in_channels=160,
        out_channels=[32, 64],
        layer_nums=[2, 4],
        layer_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.05)),
    neck=dict(
        type='SECONDFPN',
        in_channels=[32, 64],
        out_channels=[48, 48],
        upsample_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.05)),
    bbox_head=center_heads.head(
        [dict(num_class=1, class_names=['Car'])],
        96, 32, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.KITTI_NEAR_CENTER_RANGE,
        head_conv=32, loss_weight=1.5, max_objs=100, max_num=200, nms_thr=0.1, pre_max_size=200,
        post_max_size=50,
        # x, y, z, log dx, dy, dz, sin, cos: height decides most 3D overlaps just below 0.7.
        code_weights=[1.0, 1.0, 3.0, 1.0, 1.0, 2.0, 1.0, 1.0]))
