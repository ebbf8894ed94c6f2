# A small Swin on a simulated drive, nothing left out: what the configs with sparsity start from.
_base_ = ['sparsebev_simulated_nuscenes.py']

model = dict(
    backbone=dict(
        _delete_=True,  # another network
        type='SparseSwin',
        ratios=None,  # for each stage the share of windows that each block leaves out
        embed_dims=32,
        depths=[2, 2, 6],
        num_heads=[1, 2, 4],
        strides=[4, 2, 2],
        out_indices=(1, 2),
        drop_path_rate=0.0))
