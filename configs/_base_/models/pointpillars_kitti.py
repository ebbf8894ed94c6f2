# PointPillars on KITTI pillars of 16 cm, three classes. Source: PointPillars (CVPR 2019).
_base_ = ['second_kitti.py']
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import kitti_anchors

pillar_size = grids.KITTI_PILLAR
pillar_range = grids.KITTI_PILLAR_RANGE

model = dict(
    data_preprocessor=dict(voxel_layer=dict(
        max_num_points=32, point_cloud_range=pillar_range, voxel_size=pillar_size)),
    voxel_encoder=dict(
        _delete_=True,
        type='PillarFeatureNet',
        in_channels=4,
        feat_channels=[64],
        with_distance=False,
        voxel_size=pillar_size,
        point_cloud_range=pillar_range,
        legacy=False),  # True replaces x, y, z, which weights of mmdet3d want
    middle_encoder=dict(
        _delete_=True, type='PointPillarsScatter', in_channels=64, output_shape=[496, 432]),
    backbone=dict(
        in_channels=64,
        out_channels=[64, 128, 256],
        layer_nums=[3, 5, 5],
        layer_strides=[2, 2, 2]),
    neck=dict(
        in_channels=[64, 128, 256],
        out_channels=[128, 128, 128],
        upsample_strides=[1, 2, 4]),
    bbox_head=dict(
        in_channels=384,
        feat_channels=384,
        anchor_generator=dict(
            type='AlignedAnchor3DRangeGenerator',  # in the middle of the map's cells
            ranges=kitti_anchors.ranges(pillar_range))))
