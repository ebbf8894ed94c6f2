# KITTI, LiDAR only, cars.
_base_ = ['kitti_3class.py']
from sparse3d.engine.pipeline_steps import changed

class_names = ['Car']
metainfo = dict(classes=class_names)

train_pipeline = changed(
    _base_.train_pipeline,
    GroundTruthSampling=dict(
        classes=class_names, groups=dict(Car=15), database=dict(min_points=dict(Car=5))))

train_dataloader = dict(dataset=dict(pipeline=train_pipeline, metainfo=metainfo))
val_dataloader = dict(dataset=dict(metainfo=metainfo))
test_dataloader = val_dataloader
