# A small VoxelKP for simulated drives: 20 m to each side, voxels of 16 cm, a CPU's size.
_base_ = []
from sparse3d_configs._base_ import grids

grid_voxel_size = [0.16, 0.16, 0.16]
grid_range = grids.WAYMO_CROWD_RANGE
grid_shape = [21, 256, 256]  # cells along z, y, x; one more than the range holds along z
norm = dict(type='VoxelBN1d', eps=1e-3, momentum=0.05)

model = dict(
    type='VoxelKP',
    data_preprocessor=dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_layer=dict(
            max_num_points=5,
            point_cloud_range=grid_range,
            voxel_size=grid_voxel_size,
            max_voxels=(60000, 60000),
        ),
    ),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=dict(
        type='SparseKeypointEncoder',
        in_channels=5,
        sparse_shape=grid_shape,
        channels=(16, 32, 48, 64),
        stages=('residual', 'residual', 'selective', 'attentive'),
        kernels=(3, 3, 3),
        num_levels=2,
        blocks=dict(num_heads=4, window=(6, 6, 6)),
        norm_cfg=norm,
    ),
    neck=dict(
        type='SparseBEVFusion', in_channels=[48, 64], depths=[6, 3], out_channels=64, norm_cfg=norm
    ),
    bbox_head=dict(
        type='SparseKeypointHead',
        in_channels=64,
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range,
        stride=4,
        # Poses wait for the heading, which a short schedule does not learn at the released 1.
        heading_weight=5.0,
        test_cfg=dict(
            max_candidates=200, score_threshold=0.5, iou_threshold=0.2, max_detections=50
        ),
    ),
)
