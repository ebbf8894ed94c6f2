# The control of SPS-Conv: as many voxels, drawn instead of the strongest.
_base_ = ['spsconv_centerpoint_simulated_kitti_car.py']

model = dict(middle_encoder=dict(pruning=dict(choice='random')))
