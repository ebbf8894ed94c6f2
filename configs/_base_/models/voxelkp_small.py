# A small VoxelKP for simulated drives: 25 m to each side, people on cells of 0.4 m, a CPU's size.
grid_voxel_size = [0.1, 0.1, 0.1]
grid_range = [-25.6, -25.6, -2, 25.6, 25.6, 2.8]
grid_shape = [49, 512, 512]  # cells along z, y, x; one more than the range holds along z
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
            max_voxels=(60000, 60000))),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=5),
    middle_encoder=dict(
        type='SparseKeypointEncoder',
        in_channels=5,
        sparse_shape=grid_shape,
        channels=(16, 32, 48, 64),
        stages=('residual', 'residual', 'selective', 'attentive'),
        kernels=(3, 3, 3),
        levels=2,
        heads=4,
        window=(6, 6, 6),
        norm_cfg=norm),
    neck=dict(
        type='SparseBEVFusion',
        in_channels=[48, 64],
        depths=[13, 7],
        out_channels=64,
        norm_cfg=norm),
    bbox_head=dict(
        type='SparseKeypointHead',
        in_channels=64,
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range,
        stride=4,
        test_cfg=dict(max_candidates=200, score_threshold=0.2, nms_iou=0.2, max_people=50)))
