# The small model for twice as long: poses go on getting better.
_base_ = ['voxelkp_simulated_waymo.py']
max_epochs = 20
param_scheduler = [
    dict(type='OneCycleLR', eta_max=3e-3, total_steps=max_epochs, pct_start=0.1,
         div_factor=10, final_div_factor=100, by_epoch=True, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
