# LiDAR alone on a simulated drive: what the fused detector is compared with.
_base_ = [
    '../_base_/datasets/simulated_nuscenes_lidar.py',
    '../_base_/models/transfusion_small.py',
    '_base_/schedules/sparsefusion_minutes.py',
    '../_base_/default_runtime.py',
]
from sparse3d.engine.pipeline_steps import changed

custom_imports = dict(imports=['sparsefusion.register'])

two_sweeps = dict(sweeps=2)
train_pipeline = changed(_base_.train_pipeline, LoadSweepPoints=two_sweeps)
test_pipeline = changed(_base_.test_pipeline, LoadSweepPoints=two_sweeps)
train_dataloader = dict(batch_size=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
default_hooks = dict(validate_first=dict(max_batches=1))
