# SPS-Conv in Voxel R-CNN on KITTI: the published recipe; its weights were never released.
_base_ = ['voxel_rcnn_kitti_car.py']

model = dict(
    middle_encoder=dict(pruning=dict(submanifold_keep_ratio=0.5, downsampling_keep_ratio=0.5)))
