# DSVT on every fifth frame of Waymo: one cycle in 12 epochs, a tenth of it rising.
_base_ = ['dsvt_waymo_24e.py']
max_epochs = 12
rising_epochs = 1.2
learning_rate = 1e-3

optim_wrapper = dict(optimizer=dict(lr=learning_rate))

param_scheduler = [
    dict(type='OneCycleLR', eta_max=learning_rate, total_steps=max_epochs, pct_start=0.1,
         div_factor=100, final_div_factor=1e4, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingMomentum', T_max=rising_epochs, eta_min=0.85,
         begin=0, end=rising_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingMomentum', T_max=max_epochs - rising_epochs, eta_min=0.95,
         begin=rising_epochs, end=max_epochs, by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)

# 8 GPUs with 1 sample each.
auto_scale_lr = dict(base_batch_size=8)
