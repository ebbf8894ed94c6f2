"""DSVT on pillars as the encoder of a small detector, in place of the baseline's; no config."""


def encoder(in_channels, feat_channels, limits, pillar_size, grid_shape, window):
    """Preprocessor, encoder of points and middle encoder; two blocks over shifted windows.

    Args:
        in_channels: values of a point.
        feat_channels: of the pillars' two layers.
        limits: of the points, meters: x, y, z from, x, y, z to.
        pillar_size: meters.
        grid_shape: pillars along x, y and z.
        window: pillars along x and y; every other block's windows are shifted by half.
    """
    return dict(
        data_preprocessor=dict(
            voxel_type='dynamic',
            voxel_layer=dict(max_num_points=-1, voxel_size=pillar_size, max_voxels=(-1, -1))),
        voxel_encoder=dict(
            _delete_=True,
            type='DynamicVoxelEncoder',
            in_channels=in_channels,
            feat_channels=feat_channels,
            voxel_size=pillar_size,
            point_cloud_range=limits,
            norm_cfg=dict(type='VoxelBN1d', eps=1e-3, momentum=0.1)),  # hundreds of steps, not 1e5
        middle_encoder=dict(
            _delete_=True,
            type='DSVTEncoder',
            grid_shape=grid_shape,
            channels=feat_channels[-1],
            blocks=(2, ),
            sets=dict(
                window_shapes=((window, window, 1), ),
                window_shift=(window // 2, window // 2, 0),
                set_size=36),
            attention=dict(num_heads=4, feedforward_channels=128)))
