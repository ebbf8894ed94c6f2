# SPS-Conv on a simulated drive: the baseline with half of the voxels kept.
_base_ = ['centerpoint_simulated_kitti_car.py']

model = dict(
    middle_encoder=dict(pruning=dict(submanifold_keep_ratio=0.5, downsampling_keep_ratio=0.5)))
