# AdamW, linear warm-up, cosine by iteration to a thousandth: Sparse4D v1's published schedule.
# Rate, length, clip and batch are the release's; the warm-up is that of v2 and v3 (inferred).
_base_ = './sparse4d_100e.py'

optim_wrapper = dict(
    optimizer=dict(lr=2e-4),
    paramwise_cfg=dict(custom_keys={'backbone': dict(lr_mult=0.1)}),
    clip_grad=dict(max_norm=35))
train_cfg = dict(max_epochs=24, val_interval=24)

# 8 GPUs with 1 sample each.
auto_scale_lr = dict(base_batch_size=8)
