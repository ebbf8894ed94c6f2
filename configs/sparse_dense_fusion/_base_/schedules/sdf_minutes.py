# One cycle for a simulated drive on a CPU: that of SparseFusion and TransFusion-L there, which this
# is compared with.
max_epochs = 10
learning_rate = 1.5e-3

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.01),
    clip_grad=dict(max_norm=10, norm_type=2))

param_scheduler = [
    dict(type='OneCycleLR', eta_max=learning_rate, total_steps=max_epochs, pct_start=0.3,
         div_factor=10, final_div_factor=100, by_epoch=True, convert_to_iter_based=True),
]

train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=max_epochs)
val_cfg = dict()
test_cfg = dict()
