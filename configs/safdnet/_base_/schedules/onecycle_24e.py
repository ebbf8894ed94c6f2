# HEDNet and SAFDNet: one cycle in 24 epochs, a tenth of it rising.
max_epochs = 24
learning_rate = 3e-3

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.95, 0.99), weight_decay=0.05),
    # On nuScenes the release never trains the projections into its attention:
    # model.published.leaf_parameters does that.
    constructor='LeafOptimWrapperConstructor',
    paramwise_cfg=dict(leaf_parameters=False),
    clip_grad=dict(max_norm=35, norm_type=2))

param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactOneCycleLR', pct_start=0.1, div_factor=100, final_div_factor=1e4,
         by_epoch=True, convert_to_iter_based=True),
    dict(type='ExactOneCycleMomentum', pct_start=0.1, eta_min_ratio=0.85 / 0.95,
         by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()
test_cfg = dict()

# 8 GPUs with 2 samples each.
auto_scale_lr = dict(enable=False, base_batch_size=16)

# Statistics over all GPUs.
sync_bn = 'torch'
