# AdamW, linear warm-up, cosine by epoch to a thousandth: Sparse4D v1's published schedule.
_base_ = './sparse4d_100e.py'

optim_wrapper = dict(
    optimizer=dict(lr=2e-4, weight_decay=1e-2),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=35))
param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactWarmUpCosineLR', warmup_steps=500, start_factor=1 / 3, eta_min_ratio=1e-3,
         by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(max_epochs=24, val_interval=24)

# 8 GPUs with 1 sample each.
auto_scale_lr = dict(base_batch_size=8)
