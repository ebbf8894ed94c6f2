# A small CenterPoint for drives in Waymo's layout: 40 m around, on a CPU.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads

grid_voxel_size = [0.2, 0.2, 0.15]
grid_range = grids.WAYMO_NEAR_RANGE
grid_shape = [41, 400, 400]
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
            max_voxels=(40000, 60000))),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=dict(
        type='SparseEncoder',
        in_channels=5,
        sparse_shape=grid_shape,
        encoder_channels=((16, ), (32, 32, 32), (32, 32, 32)),
        encoder_paddings=((1, ), (1, 1, 1), (1, 1, 1)),
        output_channels=32,
        norm_cfg=dict(type='BN1d', eps=1e-3, momentum=0.05)),
    backbone=dict(
        type='SECOND',
        in_channels=160,
        out_channels=[32, 64],
        layer_nums=[2, 2],
        layer_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.05)),
    neck=dict(
        type='SECONDFPN',
        in_channels=[32, 64],
        out_channels=[48, 48],
        upsample_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.05)),
    bbox_head=center_heads.head(
        [dict(num_class=3, class_names=grids.CAR_PEDESTRIAN_CYCLIST)],
        96, 32, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.WAYMO_NEAR_CENTER_RANGE,
        head_conv=32, loss_weight=1.0, max_objs=200, max_num=300, nms_thr=0.2, pre_max_size=500,
        post_max_size=150,
        code_weights=[1.0, 1.0, 2.0, 1.0, 1.0, 2.0, 1.0, 1.0]))
