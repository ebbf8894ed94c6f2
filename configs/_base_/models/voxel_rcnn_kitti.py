# Voxel R-CNN on KITTI voxels of 5 cm, three classes; a plain sparse encoder (no focal stages).
grid_voxel_size = [0.05, 0.05, 0.1]
grid_range = [0, -40, -3, 70.4, 40, 1]
grid_shape = [41, 1600, 1408]


def neighborhood(in_channels, radius):
    return dict(in_channels=in_channels, channels=[32, 32], reach=[4, 4, 4], radius=radius,
                limit=16)


model = dict(
    type='TwoStageVoxelDetector',
    data_preprocessor=dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_layer=dict(
            max_num_points=5,
            point_cloud_range=grid_range,
            voxel_size=grid_voxel_size,
            max_voxels=(16000, 40000))),
    voxel_encoder=dict(type='HardSimpleVFE', num_features=4),
    middle_encoder=dict(
        type='FocalSparseEncoder',
        in_channels=4,
        sparse_shape=grid_shape,
        voxel_size=grid_voxel_size,
        point_cloud_range=grid_range,
        stages=()),
    backbone=dict(
        type='SECOND',
        in_channels=256,
        out_channels=[64, 128],
        layer_nums=[5, 5],
        layer_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)),
    neck=dict(
        type='SECONDFPN',
        in_channels=[64, 128],
        out_channels=[128, 128],
        upsample_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)),
    rpn_head=dict(
        type='BatchedAnchorHead',
        num_classes=3,
        in_channels=256,
        feat_channels=256,
        use_direction_classifier=True,
        dir_offset=0.78539,
        dir_limit_offset=0,
        assign_per_class=True,
        anchor_generator=dict(
            type='Anchor3DRangeGenerator',
            ranges=[
                [0, -40, -1.78, 70.4, 40, -1.78],
                [0, -40, -0.6, 70.4, 40, -0.6],
                [0, -40, -0.6, 70.4, 40, -0.6],
            ],
            sizes=[[3.9, 1.6, 1.56], [0.8, 0.6, 1.73], [1.76, 0.6, 1.73]],
            rotations=[0, 1.57],
            reshape_out=False),
        diff_rad_by_sin=True,
        bbox_coder=dict(type='DeltaXYZWLHRBBoxCoder'),
        loss_cls=dict(
            type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
        loss_bbox=dict(type='mmdet.SmoothL1Loss', beta=1.0 / 9.0, loss_weight=2.0),
        loss_dir=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=False, loss_weight=0.2),
        train_cfg=dict(
            assigner=[
                dict(
                    type='Max3DIoUAssigner',
                    iou_calculator=dict(type='BboxOverlapsNearest3D'),
                    pos_iou_thr=pos,
                    neg_iou_thr=neg,
                    min_pos_iou=neg,
                    ignore_iof_thr=-1) for pos, neg in [(0.6, 0.45), (0.5, 0.35), (0.5, 0.35)]
            ],
            allowed_border=0,
            pos_weight=-1,
            debug=False)),
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
