# DSVT on every fifth frame of Waymo: one cycle in 12 epochs, a tenth of it rising.
_base_ = ['dsvt_waymo_24e.py']
max_epochs = 12
learning_rate = 1e-3

optim_wrapper = dict(optimizer=dict(lr=learning_rate))

train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)

# 8 GPUs with 1 sample each.
auto_scale_lr = dict(base_batch_size=8)
