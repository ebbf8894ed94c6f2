# Focals Conv in Voxel R-CNN on KITTI, three classes, LiDAR only, as published: one focal layer
# with a kernel of 5 in stage 1.
_base_ = ['voxel_rcnn_kitti_3class.py']
from sparse3d.engine.pipeline_steps import changed

model = dict(middle_encoder=dict(focal=dict(stages=(1, ), kernel_size=5, enlarge_channels=64)))

# More sampled objects than the other recipes.
train_pipeline = changed(
    _base_.train_pipeline,
    GroundTruthSampling=dict(groups=dict(Car=20, Pedestrian=15, Cyclist=15)))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
