# A small Focals Conv in Voxel R-CNN on a simulated drive: two stages, minutes on a CPU.
_base_ = [
    '_base_/models/voxel_rcnn_kitti_car.py',
    '../_base_/datasets/simulated_kitti_car.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
from sparse3d_configs._base_ import grids

custom_imports = dict(imports=['focalsconv.register'])

grid_range = grids.KITTI_NEAR_RANGE
grid_voxel_size = [0.1, 0.1, 0.1]

model = dict(
    data_preprocessor=dict(
        voxel_layer=dict(
            point_cloud_range=grid_range, voxel_size=grid_voxel_size, max_voxels=(20000, 40000))),
    middle_encoder=dict(
        sparse_shape=[41, 400, 512],
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range,
        encoder_channels=((16, ), (32, 32, 32), (32, 32, 32)),
        encoder_paddings=((1, ), (1, 1, 1), (1, 1, 1)),
        output_channels=32,
        focal=dict(stages=(1, 2), max_dilation=0.25)),
    backbone=dict(in_channels=160, out_channels=[32, 64], layer_nums=[2, 4]),
    neck=dict(in_channels=[32, 64], out_channels=[48, 48]),
    rpn_head=dict(
        in_channels=96,
        feat_channels=96,
        anchor_generator=dict(ranges=[[0, -20, -1.78, 51.2, 20, -1.78]])),
    roi_head=dict(
        grid_size=4,
        channels=[96, 96],
        dropout=0.1,
        pooling=dict(
            _delete_=True,
            type='VoxelRoIPooling',
            voxel_size=grid_voxel_size,
            point_cloud_range=grid_range,
            stages={
                stage: dict(in_channels=32, channels=[32, 32], reach=[4, 4, 4], radius=radius,
                            limit=16) for stage, radius in [('2', 0.8), ('3', 1.6)]
            })),
    proposals=dict(train=dict(nms_pre=2000, nms_post=128), test=dict(nms_pre=1000, nms_post=50)))

default_hooks = dict(validate_first=dict(max_batches=2))
