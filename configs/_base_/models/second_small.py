# A small SECOND for simulated drives, cars alone: 51 m ahead, 20 m to each side.
_base_ = ['second_kitti.py']
grid_voxel_size = [0.1, 0.1, 0.1]
grid_range = [0, -20, -3, 51.2, 20, 1]

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
            ranges=[[0, -20, -1.78, 51.2, 20, -1.78]], sizes=[[3.9, 1.6, 1.56]])),
    train_cfg=dict(
        assigner=[
            dict(
                type='Max3DIoUAssigner',
                iou_calculator=dict(type='BboxOverlapsNearest3D'),
                pos_iou_thr=0.6,
                neg_iou_thr=0.45,
                min_pos_iou=0.45,
                ignore_iof_thr=-1)
        ]),
    test_cfg=dict(nms_pre=1000, max_num=50))
