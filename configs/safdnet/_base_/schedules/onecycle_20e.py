# HEDNet and SAFDNet on nuScenes: one cycle in 20 epochs, two fifths of it rising.
_base_ = ['onecycle_24e.py']
max_epochs = 20

param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactOneCycleLR', pct_start=0.4, div_factor=10, final_div_factor=1e4,
         by_epoch=True, convert_to_iter_based=True),
    dict(type='ExactOneCycleMomentum', pct_start=0.4, eta_min_ratio=0.85 / 0.95,
         by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
