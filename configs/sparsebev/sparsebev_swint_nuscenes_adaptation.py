# Sparsity-aware adaptation (SparseViT, section 3.2): the dense detector learns all ratios.
_base_ = ['sparsebev_swint_nuscenes.py']

load_from = 'work_dirs/sparsebev_swint_nuscenes/epoch_24.pth'
max_epochs = 12
optim_wrapper = dict(optimizer=dict(lr=2e-5))  # a tenth of the dense training's
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
custom_hooks = [dict(type='DrawWindowRatiosHook')]
