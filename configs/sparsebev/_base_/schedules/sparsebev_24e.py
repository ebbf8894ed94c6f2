# AdamW, linear warm-up, cosine by epoch to a thousandth: SparseBEV's published schedule.
max_epochs = 24
learning_rate = 2e-4

optim_wrapper = dict(
    type='AmpOptimWrapper',  # the head stays in float32 (float32_head)
    loss_scale=512.0,
    optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys={
            'backbone': dict(lr_mult=0.1),
            'sampling_offset': dict(lr_mult=0.1),
        }),
    clip_grad=dict(max_norm=35, norm_type=2))

param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactWarmUpCosineLR', warmup_steps=500, start_factor=1 / 3, eta_min_ratio=1e-3,
         by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()
test_cfg = dict()

# 8 GPUs with 1 sample each.
auto_scale_lr = dict(enable=False, base_batch_size=8)
