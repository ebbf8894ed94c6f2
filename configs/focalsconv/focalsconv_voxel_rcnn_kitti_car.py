# Focals Conv in Voxel R-CNN on KITTI, cars, LiDAR only: the published 3D part without images.
_base_ = ['voxel_rcnn_kitti_car.py']

model = dict(middle_encoder=dict(focal=dict(stages=(1, 2, 3))))
