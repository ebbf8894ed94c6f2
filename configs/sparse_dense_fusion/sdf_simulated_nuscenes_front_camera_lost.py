# Both branches, tested without the front camera.
_base_ = ['sdf_simulated_nuscenes.py']
from sparse3d.engine.pipeline_steps import inserted_after

test_pipeline = inserted_after(
    _base_.test_pipeline,
    LoadMultiViewImages=dict(type='DropCameras', cameras=['CAM_FRONT']))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
