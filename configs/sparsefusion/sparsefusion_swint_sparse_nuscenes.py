# Swin-T with windows left out, fine-tuned from the adapted detector. Ratios: SparseViT's for 0.71
# of the multiplications of all blocks; sparse3d search-sparsity finds others. Weights of
# sparsefusion_swint_nuscenes, the published ones too, load by name.
_base_ = ['sparsefusion_swint_nuscenes.py']
from sparse3d_configs._base_.models import window_ratios

load_from = 'work_dirs/sparsefusion_swint_sparse_nuscenes_adaptation/epoch_6.pth'
model = dict(
    image_backbone=dict(type='SparseSwin', ratios=window_ratios.SWIN_TINY))
optim_wrapper = dict(optimizer=dict(lr=6e-5))  # a tenth of the dense training's
