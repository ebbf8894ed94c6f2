# A small VoxelKP that learns the joints of simulated people on a CPU.
_base_ = [
    '_base_/datasets/simulated_waymo_people.py',
    '_base_/models/voxelkp_small.py',
    '../_base_/schedules/onecycle_minutes.py',
    '../_base_/default_runtime.py',
]
custom_imports = dict(imports=['voxelkp.register'])

max_epochs = 10
param_scheduler = [
    dict(type='OneCycleLR', eta_max=3e-3, total_steps=max_epochs, pct_start=0.1,
         div_factor=10, final_div_factor=100, by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)

# The whole of it, twice, would cost the training minutes.
default_hooks = dict(validate_first=dict(max_batches=2))
