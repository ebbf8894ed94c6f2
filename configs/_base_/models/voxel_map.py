"""From points to the bird's eye map around a sparse encoder, as SECOND has it; no config.

Source: SECOND (Sensors 2018), section 3.1.
"""


def hard_voxels(voxel_size, limits, max_num_points, max_voxels, **images):
    """The preprocessor: so many points of a voxel, so many voxels in training and in testing."""
    return dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_layer=dict(
            max_num_points=max_num_points,
            point_cloud_range=limits,
            voxel_size=voxel_size,
            max_voxels=max_voxels),
        **images)


def backbone(in_channels, out_channels, layer_nums, momentum=0.01):
    """The 2D network on the map, its second stage at half of the resolution."""
    return dict(
        type='SECOND',
        in_channels=in_channels,
        out_channels=out_channels,
        layer_nums=layer_nums,
        layer_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=momentum))


def neck(in_channels, out_channels, momentum=0.01, **more):
    """Both stages at the first one's resolution."""
    return dict(
        type='SECONDFPN',
        in_channels=in_channels,
        out_channels=out_channels,
        upsample_strides=[1, 2],
        norm_cfg=dict(type='BN', eps=1e-3, momentum=momentum),
        **more)


def small_encoder(in_channels, grid_shape, rest=((32, 32, 32), (32, 32, 32))):
    """mmdet3d's plain sparse encoder for minutes on a CPU: two strides, 32 channels."""
    return dict(
        type='SparseEncoder',
        in_channels=in_channels,
        sparse_shape=grid_shape,
        encoder_channels=((16, ), *rest),
        encoder_paddings=((1, ), *((1, ) * len(stage) for stage in rest)),
        output_channels=32,
        norm_cfg=dict(type='BN1d', eps=1e-3, momentum=0.05))
