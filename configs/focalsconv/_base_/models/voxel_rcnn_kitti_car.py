# Voxel R-CNN on KITTI, cars alone.
_base_ = ['voxel_rcnn_kitti.py']
from sparse3d_configs._base_.models import kitti_anchors

model = dict(
    rpn_head=dict(
        num_classes=1,
        anchor_generator=dict(
            ranges=kitti_anchors.ranges()[:1], sizes=kitti_anchors.SIZES[:1]),
        train_cfg=dict(assigner=kitti_anchors.assigners()[:1])))
