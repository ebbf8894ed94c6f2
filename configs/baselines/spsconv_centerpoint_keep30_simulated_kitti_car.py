# SPS-Conv on a simulated drive: 30 % of the voxels kept.
_base_ = ['spsconv_centerpoint_simulated_kitti_car.py']

model = dict(
    middle_encoder=dict(pruning=dict(submanifold_keep_ratio=0.3, downsampling_keep_ratio=0.3)))
