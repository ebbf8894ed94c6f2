# VoxelKP as published: Waymo, 150 m square, voxels of 10 cm, people on cells of 0.8 m.
_base_ = []
from sparse3d_configs._base_ import grids
from sparse3d_configs._base_.models import voxel_map

grid_voxel_size = [0.1, 0.1, 0.1]
grid_range = grids.WAYMO_RANGE_75
grid_shape = [61, 1504, 1504]  # cells along z, y, x; one more than the range holds along z

model = dict(
    type='VoxelKP',
    data_preprocessor=voxel_map.hard_voxels(
        grid_voxel_size, grid_range, max_num_points=5, max_voxels=(150000, 150000)),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=dict(
        type='SparseKeypointEncoder',
        in_channels=5,
        sparse_shape=grid_shape,
        channels=(32, 64, 128, 256, 256, 256),
        stages=('residual', 'residual', 'selective', 'selective', 'attentive', 'attentive'),
        kernels=(5, 5, 3, 3, 3),
        num_levels=3,
        blocks=dict(num_heads=4, window=(6, 6, 6))),
    neck=dict(
        type='SparseBEVFusion',
        in_channels=[256, 256, 256],
        depths=[8, 4, 2],
        out_channels=384),
    bbox_head=dict(
        type='SparseKeypointHead',
        in_channels=384,
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range,
        stride=8,
        test_cfg=dict(
            center_range=grid_range,
            max_candidates=500,
            score_threshold=0.3,
            rectifier=0.68,
            iou_threshold=0.8,
            nms_pre=2048,
            max_detections=200)))
