# Both: focal layers at the ends of stages 1 and 2, SPS-Conv inside the stages and between them.
_base_ = ['focalsconv_centerpoint_simulated_kitti_car.py']

model = dict(
    middle_encoder=dict(pruning=dict(submanifold_keep_ratio=0.5, downsampling_keep_ratio=0.5)))
