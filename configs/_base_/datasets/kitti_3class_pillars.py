# KITTI in the range of PointPillars: whole cells of a map that is halved three times.
_base_ = ['kitti_3class.py']
from sparse3d.engine.pipeline_steps import changed
from sparse3d_configs._base_ import grids

point_cloud_range = grids.KITTI_PILLAR_RANGE
voxel_size = grids.KITTI_PILLAR
in_range = dict(point_cloud_range=point_cloud_range)

train_pipeline = changed(
    _base_.train_pipeline,
    GroundTruthSampling=dict(groups=dict(Car=15, Pedestrian=15, Cyclist=15)),
    PointsRangeFilter=in_range,
    ObjectRangeFilter=in_range)
test_pipeline = changed(_base_.test_pipeline, PointsRangeFilter=in_range)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
