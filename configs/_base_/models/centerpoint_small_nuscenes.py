# A small CenterPoint with velocities for drives in nuScenes' layout: 51 m around, on a CPU.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import center_heads

grid_voxel_size = [0.2, 0.2, 0.2]
grid_range = grids.NUSCENES_RANGE_51
grid_shape = [41, 512, 512]
grid_stride = 4  # cells of the heat map in voxels

model = dict(
    type='VoxelDetector',
    data_preprocessor=dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_layer=dict(
            max_num_points=10,
            point_cloud_range=grid_range,
            voxel_size=grid_voxel_size,
            max_voxels=(30000, 60000))),
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
        [
            dict(num_class=2, class_names=['car', 'truck']),
            dict(num_class=2, class_names=['bicycle', 'pedestrian']),
        ],
        96, 32, (grid_voxel_size, grid_range, grid_shape, grid_stride),
        grids.NUSCENES_CENTER_RANGE,
        moving=True, head_conv=32, loss_weight=0.25, max_objs=200, max_num=200, nms_thr=0.2,
        pre_max_size=500, post_max_size=83,
        code_weights=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.2, 0.2]))
