# Six epochs around trained LiDAR and image parts, as SparseFusion's second stage (inferred: the
# paper's schedule is not known). The learning rate rises eightfold in 2.4 of them, then falls to
# 1e-8; momentum falls from 0.9 to 0.805 and comes back. What was trained before learns at a tenth.
max_epochs = 6
learning_rate = 8e-4  # at its highest

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.999), weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys={
            name: dict(lr_mult=0.1) for name in ('image_backbone', 'image_neck', 'bbox_head')
        }),
    clip_grad=dict(max_norm=0.1, norm_type=2))

param_scheduler = [  # as long as the training (train_cfg.max_epochs)
    dict(type='ExactOneCycleLR', pct_start=0.4, div_factor=8, final_div_factor=1e4,
         by_epoch=True, convert_to_iter_based=True),
    dict(type='ExactOneCycleMomentum', pct_start=0.4, eta_min_ratio=0.85 / 0.95,
         by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# 4 GPUs with 4 samples each.
auto_scale_lr = dict(enable=False, base_batch_size=16)
