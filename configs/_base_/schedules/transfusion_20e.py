# TransFusion's 20 epochs: the learning rate rises tenfold in 8 of them, then falls to nearly 0.
max_epochs = 20
rising_epochs = 8
learning_rate = 1e-3  # at its highest

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.95, 0.99), weight_decay=0.01),
    clip_grad=dict(max_norm=0.1, norm_type=2))

param_scheduler = [
    dict(type='OneCycleLR', eta_max=learning_rate, total_steps=max_epochs, pct_start=0.4,
         div_factor=10, final_div_factor=1e3, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingMomentum', T_max=rising_epochs, eta_min=0.85,
         begin=0, end=rising_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingMomentum', T_max=max_epochs - rising_epochs, eta_min=0.95,
         begin=rising_epochs, end=max_epochs, by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()

# 8 GPUs with 2 samples each.
auto_scale_lr = dict(enable=False, base_batch_size=16)
