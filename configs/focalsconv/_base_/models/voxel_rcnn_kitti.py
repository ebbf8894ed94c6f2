# Voxel R-CNN on KITTI voxels of 5 cm, three classes; a plain sparse encoder (no focal stages).
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import kitti_anchors, voxel_map

grid_voxel_size = grids.KITTI_VOXEL
grid_range = grids.KITTI_RANGE
grid_shape = [41, 1600, 1408]


def neighborhood(in_channels, radius):
    return dict(in_channels=in_channels, channels=[32, 32], reach=[4, 4, 4], radius=radius,
                limit=16)


model = dict(
    type='TwoStageVoxelDetector',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=5, max_voxels=(16000, 40000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=4),
    middle_encoder=dict(
        type='FocalSparseEncoder',
        in_channels=4,
        sparse_shape=grid_shape,
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range,
        focal=dict(stages=())),
    backbone=voxel_map.backbone(256, [64, 128], [5, 5]),
    neck=voxel_map.neck([64, 128], [128, 128]),
    rpn_head=kitti_anchors.head(
        256, type='BatchedAnchorHead', train_cfg=kitti_anchors.training()),
    roi_head=dict(
        type='RoIHead',
        pooling=dict(
            type='VoxelRoIPooling',
            voxel_size=grid_voxel_size,
            point_cloud_range=grid_range,
            stages={
                '2': neighborhood(32, 0.4),
                '3': neighborhood(64, 0.8),
                '4': neighborhood(64, 1.6)
            }),
        detections=dict(score_threshold=0.3, iou_threshold=0.1)),
    proposals=dict(
        train=dict(nms_pre=9000, nms_post=512, iou_threshold=0.8),
        test=dict(nms_pre=2048, nms_post=100, iou_threshold=0.7)))
