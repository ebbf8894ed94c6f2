# Focals Conv on LiDAR alone with the training samples of Focals Conv-F: sampled objects stand on the
# road, do not cover each other in the image and lose the points that others hide. What tells the
# effect of the images from that of the samples.
_base_ = [
    '../_base_/models/centerpoint_small.py',
    '../_base_/datasets/simulated_kitti_car_images.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['focalsconv'])

model = dict(
    middle_encoder=dict(
        type='FocalSparseEncoder',
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range={{_base_.grid_range}},
        stages=(1, 2),
        max_growth=0.25))

default_hooks = dict(validate_first=dict(max_batches=2))
