# A small SECOND for simulated drives, cars alone: 51 m ahead, 20 m to each side.
_base_ = ['second_kitti.py']
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import kitti_anchors

grid_voxel_size = [0.1, 0.1, 0.1]
grid_range = grids.KITTI_NEAR_RANGE

model = dict(
    data_preprocessor=dict(voxel_layer=dict(
        point_cloud_range=grid_range, voxel_size=grid_voxel_size, max_voxels=(20000, 40000))),
    middle_encoder=dict(
        sparse_shape=[41, 400, 512],
        encoder_channels=((16, ), (32, 32, 32), (32, 32, 32)),
        encoder_paddings=((1, ), (1, 1, 1), (1, 1, 1)),
        output_channels=32),
    backbone=dict(in_channels=160, out_channels=[32, 64], layer_nums=[2, 4]),
    neck=dict(in_channels=[32, 64], out_channels=[48, 48]),
    bbox_head=dict(
        num_classes=1,
        in_channels=96,
        feat_channels=96,
        anchor_generator=dict(
            ranges=kitti_anchors.ranges(grid_range, kitti_anchors.BOTTOMS[:1]),
            sizes=kitti_anchors.SIZES[:1])),
    train_cfg=dict(
        assigner=kitti_anchors.assigners(kitti_anchors.OVERLAPS[:1])),
    test_cfg=dict(nms_pre=1000, max_num=50))
