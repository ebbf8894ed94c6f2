# The LiDAR parts of TransFusion-L, for the detectors around them: no model yet.
_base_ = []
from sparse3d_configs._base_ import grids

lidar_range = grids.NUSCENES_RANGE_54  # meters: x, y, z from, x, y, z to
lidar_voxel_size = grids.NUSCENES_VOXEL  # meters
lidar_stride = 8  # voxels per cell of the map
center_range = grids.NUSCENES_CENTER_RANGE  # where detections are kept, meters
unsuppressed_classes = [8, 9]  # pedestrians and cones: no two are kept apart in the heat map

voxel_layer = dict(
    max_num_points=10,
    point_cloud_range=lidar_range,
    voxel_size=lidar_voxel_size,
    max_voxels=(120000, 160000))
voxel_encoder = dict(type='HardSimpleVFE', num_features=5)
middle_encoder = dict(
    type='SparseEncoder',
    in_channels=5,
    sparse_shape=[41, 1440, 1440],
    output_channels=128,
    order=('conv', 'norm', 'act'),
    encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
    encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, [0, 1, 1]), (0, 0)),
    block_type='basicblock')
backbone = dict(
    type='SECOND',
    in_channels=256,
    out_channels=[128, 256],
    layer_nums=[5, 5],
    layer_strides=[1, 2],
    norm_cfg=dict(type='BN', eps=0.001, momentum=0.01),
    conv_cfg=dict(type='Conv2d', bias=False))
neck = dict(
    type='SECONDFPN',
    in_channels=[128, 256],
    out_channels=[256, 256],
    upsample_strides=[1, 2],
    norm_cfg=dict(type='BN', eps=0.001, momentum=0.01),
    upsample_cfg=dict(type='deconv', bias=False),
    use_conv_for_no_stride=True)
