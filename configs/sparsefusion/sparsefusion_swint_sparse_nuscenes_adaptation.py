# Sparsity-aware adaptation (SparseViT, section 3.2): the dense detector learns all ratios.
_base_ = ['sparsefusion_swint_nuscenes.py']

load_from = 'work_dirs/sparsefusion_swint_nuscenes/epoch_6.pth'
model = dict(image_backbone=dict(type='SparseSwin'))
optim_wrapper = dict(optimizer=dict(lr=6e-5))  # a tenth of the dense training's
custom_hooks = [dict(type='DrawWindowRatiosHook')]
