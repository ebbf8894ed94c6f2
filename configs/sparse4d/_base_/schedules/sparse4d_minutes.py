# Sparse4D's schedule, short, for a simulated drive on a CPU and weights from nothing.
max_epochs = 8
learning_rate = 4e-4

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=1e-3),
    clip_grad=dict(max_norm=25, norm_type=2))

param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactWarmUpCosineLR', warmup_steps=50, start_factor=1 / 3, eta_min_ratio=1e-2,
         by_iteration=True, by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()
test_cfg = dict()
