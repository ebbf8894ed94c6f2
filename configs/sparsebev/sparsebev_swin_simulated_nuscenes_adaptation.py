# Sparsity-aware adaptation of the small Swin: trained on with other ratios in every step.
_base_ = ['sparsebev_swin_simulated_nuscenes.py']

load_from = 'work_dirs/sparsebev_swin_simulated_nuscenes/epoch_12.pth'
max_epochs = 4
optim_wrapper = dict(optimizer=dict(lr=4e-5))  # a tenth of the dense training's
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / 3, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', T_max=max_epochs, eta_min_ratio=1e-2, by_epoch=True,
         begin=0, end=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
custom_hooks = [dict(type='DrawWindowRatiosHook')]
