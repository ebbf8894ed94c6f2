# Focals Conv-F on nuScenes, tested as published: mirrored copies, runs turned by 0, +-6.25 degrees.
# Weights of focalsconv_f_centerpoint_nuscenes.py fit.
_base_ = ['focalsconv_f_centerpoint_nuscenes.py']

model = dict(
    type='AugmentedVoxelDetector',
    double_flip=True,
    rotations=[0.0, 0.1090830, -0.1090830],
    # bus, bicycle, traffic cone; 0.1 for the others
    iou_thresholds={'3': 0.25, '7': 0.15, '9': 0.05})
