# AdamW, linear warm-up, cosine by iteration to a thousandth: Sparse4D's published schedule.
max_epochs = 100
learning_rate = 6e-4

optim_wrapper = dict(
    type='AmpOptimWrapper',  # the head stays in float32 (float32_head)
    loss_scale=32.0,
    optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=1e-3),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.5)}),
    clip_grad=dict(max_norm=25, norm_type=2))

param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactWarmUpCosineLR', warmup_steps=500, start_factor=1 / 3, eta_min_ratio=1e-3,
         by_iteration=True, by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=20)
val_cfg = dict()
test_cfg = dict()

# 8 GPUs with 6 samples each.
auto_scale_lr = dict(enable=False, base_batch_size=48)
