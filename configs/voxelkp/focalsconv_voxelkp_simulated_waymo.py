# The keypoint head on another sparse backbone: Focals Conv's encoder, one level of features.
_base_ = ['voxelkp_simulated_waymo.py']
custom_imports = dict(imports=['voxelkp.register', 'focalsconv.register'])

model = dict(
    middle_encoder=dict(
        _delete_=True,
        type='FocalSparseEncoder',
        in_channels=5,
        sparse_shape={{_base_.grid_shape}},
        voxel_size={{_base_.grid_voxel_size}},
        point_cloud_range={{_base_.grid_range}},
        encoder_channels=((16, ), (32, 32, 32), (64, 64, 64)),
        encoder_paddings=((1, ), (1, 1, 1), (1, 1, 1)),
        output_channels=64,
        focal=dict(stages=(1, 2), max_dilation=0.25)),
    # The encoder's last convolution leaves 2 of 6 cells along z.
    neck=dict(in_channels=[64], depths=[2]))
