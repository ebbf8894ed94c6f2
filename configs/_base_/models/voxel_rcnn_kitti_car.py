# Voxel R-CNN on KITTI, cars alone.
_base_ = ['voxel_rcnn_kitti.py']

model = dict(
    rpn_head=dict(
        num_classes=1,
        anchor_generator=dict(
            ranges=[[0, -40, -1.78, 70.4, 40, -1.78]], sizes=[[3.9, 1.6, 1.56]]),
        train_cfg=dict(
            assigner=[
                dict(
                    type='Max3DIoUAssigner',
                    iou_calculator=dict(type='BboxOverlapsNearest3D'),
                    pos_iou_thr=0.6,
                    neg_iou_thr=0.45,
                    min_pos_iou=0.45,
                    ignore_iof_thr=-1)
            ])))
