# Focals Conv in Voxel R-CNN on KITTI, three classes, LiDAR only, as published: one focal layer
# with a kernel of 5 in stage 1. (The release samples Car 20, Pedestrian 15, Cyclist 15.)
_base_ = ['voxel_rcnn_kitti_3class.py']

model = dict(middle_encoder=dict(stages=(1, ), kernel_size=5, enlarge_channels=64))
