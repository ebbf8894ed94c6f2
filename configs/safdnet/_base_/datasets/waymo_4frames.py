# Waymo within 75.52 m, four LiDAR frames.
_base_ = ['../../../_base_/datasets/waymo_3class_4frames.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

point_cloud_range = grids.WAYMO_RANGE_76  # meters: x, y, z from, x, y, z to
in_range = dict(point_cloud_range=point_cloud_range)
train_pipeline = changed(_base_.train_pipeline, PointsRangeFilter=in_range, KeepObjects=in_range)
test_pipeline = changed(_base_.test_pipeline, PointsRangeFilter=in_range)

train_dataloader = dict(
    batch_size=2,  # on each of 8 GPUs
    dataset=dict(pipeline=train_pipeline, with_velocity=True))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
