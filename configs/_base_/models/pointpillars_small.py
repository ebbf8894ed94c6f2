# A small PointPillars for simulated drives, cars alone: 51 m ahead, 20 m to each side.
_base_ = ['pointpillars_kitti.py']
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import kitti_anchors

pillar_size = [0.2, 0.2, 4]
pillar_range = grids.KITTI_NEAR_RANGE

model = dict(
    data_preprocessor=dict(voxel_layer=dict(
        point_cloud_range=pillar_range, voxel_size=pillar_size)),
    voxel_encoder=dict(
        feat_channels=[32], voxel_size=pillar_size, point_cloud_range=pillar_range),
    middle_encoder=dict(in_channels=32, output_shape=[200, 256]),
    backbone=dict(in_channels=32, out_channels=[32, 32, 64], layer_nums=[2, 3, 3]),
    neck=dict(in_channels=[32, 32, 64], out_channels=[32, 32, 32]),
    bbox_head=dict(
        num_classes=1,
        in_channels=96,
        feat_channels=96,
        anchor_generator=dict(
            ranges=kitti_anchors.ranges(pillar_range, kitti_anchors.BOTTOMS[:1]),
            sizes=kitti_anchors.SIZES[:1])),
    train_cfg=dict(
        assigner=kitti_anchors.assigners(kitti_anchors.OVERLAPS[:1])),
    test_cfg=dict(nms_pre=1000, max_num=50))
