# One frame at 512 x 1408: twice sparsebev_256x704.
_base_ = ['sparsebev_256x704_simulated_nuscenes.py']
from sparse3d.engine.pipeline_steps import changed

image_size = [512, 1408]  # height, width in pixels
train_pipeline = changed(_base_.train_pipeline, AugmentImages=dict(size=image_size))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
