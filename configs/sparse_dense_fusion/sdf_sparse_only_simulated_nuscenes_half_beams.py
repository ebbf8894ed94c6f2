# The sparse branch alone, tested with every second beam of the LiDAR.
_base_ = ['sdf_sparse_only_simulated_nuscenes.py']
from sparse3d.engine.pipeline_steps import inserted_after

test_pipeline = inserted_after(
    _base_.test_pipeline, LoadSweepPoints=dict(type='DropBeams', interval=2))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
