# A small PointPillars for simulated drives, cars alone: 51 m ahead, 20 m to each side.
_base_ = ['pointpillars_kitti.py']
pillar_size = [0.2, 0.2, 4]
pillar_range = [0, -20, -3, 51.2, 20, 1]

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
