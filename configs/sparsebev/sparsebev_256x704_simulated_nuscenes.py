# One frame at 256 x 704, with the precision of what is 30 m away or farther; for large pictures
# (sparse3d simulate nuscenes --image-width 1600). Beside sparsebev_object_seeking_256x704.
_base_ = ['sparsebev_simulated_nuscenes.py']
from sparse3d.engine.pipeline_steps import changed

image_size = [256, 704]  # height, width in pixels
frames = dict(num_frames=1, kind='past')
train_pipeline = changed(_base_.train_pipeline, AugmentImages=dict(size=image_size))
test_pipeline = changed(_base_.test_pipeline, AugmentImages=dict(size=image_size))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline, frames=frames))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline, frames=frames))
val_evaluator = dict(far_from=30.0)
test_evaluator = val_evaluator

model = dict(
    data_preprocessor=dict(num_frames=1),
    bbox_head=dict(decoder=dict(num_frames=1)))
