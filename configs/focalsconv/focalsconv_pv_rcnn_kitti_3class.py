# Focals Conv in PV-RCNN on KITTI, as published: car 83.91 AP11, 85.20 AP40 (moderate, 3D).
_base_ = ['pv_rcnn_kitti_3class.py']

model = dict(middle_encoder=dict(
    focal=dict(stages=(1, 2, 3), mask_multi=True, enlarge_channels=64)))
