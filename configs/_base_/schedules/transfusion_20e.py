# TransFusion's 20 epochs: the learning rate rises tenfold in 8 of them, then falls to 1e-8.
# Momentum falls from 0.9 to 0.805 and comes back.
max_epochs = 20
learning_rate = 1e-3  # at its highest

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.999), weight_decay=0.01),
    clip_grad=dict(max_norm=0.1, norm_type=2))

param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactOneCycleLR', pct_start=0.4, div_factor=10, final_div_factor=1e4,
         by_epoch=True, convert_to_iter_based=True),
    dict(type='ExactOneCycleMomentum', pct_start=0.4, eta_min_ratio=0.85 / 0.95,
         by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()

# 8 GPUs with 2 samples each.
auto_scale_lr = dict(enable=False, base_batch_size=16)
