# Swin-T with windows left out, fine-tuned from the adapted detector. Ratios: SparseViT's for 0.71
# of the multiplications of all blocks; sparse3d search-sparsity finds others.
_base_ = ['sparsebev_swint_nuscenes.py']
from sparse3d_configs._base_.models import window_ratios

load_from = 'work_dirs/sparsebev_swint_nuscenes_adaptation/epoch_12.pth'
model = dict(backbone=dict(ratios=window_ratios.SWIN_TINY))
optim_wrapper = dict(optimizer=dict(lr=2e-5))  # a tenth of the dense training's
