# SECOND on KITTI voxels of 5 cm, three classes; sizes as OpenPCDet's. Source: Sensors 2018.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import kitti_anchors, voxel_map

grid_voxel_size = grids.KITTI_VOXEL
grid_range = grids.KITTI_RANGE

model = dict(
    type='VoxelNet',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=5, max_voxels=(16000, 40000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=4),
    middle_encoder=dict(
        type='SparseEncoder',
        in_channels=4,
        sparse_shape=[41, 1600, 1408],
        order=('conv', 'norm', 'act')),
    backbone=voxel_map.backbone(256, [128, 256], [5, 5]),
    neck=voxel_map.neck([128, 256], [256, 256]),
    bbox_head=kitti_anchors.head(512, type='BatchedAnchorHead'),
    train_cfg=kitti_anchors.training(),
    test_cfg=dict(
        use_rotate_nms=True,
        nms_across_levels=False,
        nms_thr=0.01,
        score_thr=0.1,
        min_bbox_size=0,
        nms_pre=4096,
        max_num=500))
