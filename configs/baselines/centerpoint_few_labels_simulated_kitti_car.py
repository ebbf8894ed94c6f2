# The baseline with few labeled frames: the first ones of the drive, no pasted objects of others.
# Other numbers of them: --epochs 10 --cfg-options train_dataloader.dataset.indices=100
_base_ = ['centerpoint_simulated_kitti_car.py']
from sparse3d.engine.pipeline_steps import replaced

labeled_frames = 20

train_pipeline = replaced(_base_.train_pipeline, GroundTruthSampling=[])
train_dataloader = dict(dataset=dict(indices=labeled_frames, pipeline=train_pipeline))

# 500 steps of two frames, whatever the number of frames is.
max_epochs = 50
param_scheduler = [
    dict(type='OneCycleLR', eta_max=_base_.learning_rate, total_steps=max_epochs, pct_start=0.4,
         div_factor=10, final_div_factor=100, by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)

# An epoch is ten steps: a checkpoint and a picture of each would cost more than the steps.
default_hooks = dict(checkpoint=dict(interval=10), curves=None)
