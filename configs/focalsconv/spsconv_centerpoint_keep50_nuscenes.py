# SPS-Conv in CenterPoint on nuScenes, as released: half of the voxels of a sample are convolved in
# submanifold layers, half open all cells around them in down-sampling.
_base_ = ['centerpoint_nuscenes.py']

model = dict(
    middle_encoder=dict(
        _delete_=True,  # mmdet3d's own encoder: it takes other arguments
        type='SparseEncoder',
        in_channels=5,
        sparse_shape={{_base_.grid_shape}},
        block_type='basicblock',
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((1, 1, 1), (1, 1, 1), (1, 1, (0, 1, 1)), (1, 1)),
        output_channels=128,
        pruning=dict(
            submanifold_keep_ratio=0.5, downsampling_keep_ratio=0.5, submanifold_bias=True)))
