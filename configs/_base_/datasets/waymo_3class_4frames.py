# Waymo with three earlier LiDAR frames; points have a sixth column, their age in seconds.
_base_ = ['waymo_3class.py']
from sparse3d.engine.pipeline_steps import changed

frames = dict(num_frames=4)
train_pipeline = changed(
    _base_.train_pipeline,
    LoadWaymoPoints=frames,
    # Objects are of the present frame: age 0.
    GroundTruthSampling=dict(database=dict(use=[0, 1, 2, 3, 4, 5])))
test_pipeline = changed(_base_.test_pipeline, LoadWaymoPoints=frames)

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
