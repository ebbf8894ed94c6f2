"""Parts that several models of HEDNet and SAFDNet have, each once; no config."""


def voxels(limits, size, columns, width, **more):
    """Preprocessor and encoder of voxels (pillars) that hold all of their points.

    Args:
        limits: x, y, z from, x, y, z to, meters.
        size: of a voxel along x, y, z, meters.
        columns: of a point.
        width: channels of a voxel.
        more: of the encoder.
    """
    return dict(
        data_preprocessor=dict(
            type='Det3DDataPreprocessor',
            voxel=True,
            voxel_type='dynamic',
            voxel_layer=dict(
                max_num_points=-1, point_cloud_range=limits, voxel_size=size,
                max_voxels=(-1, -1))),
        voxel_encoder=dict(
            type='DynamicVoxelEncoder', in_channels=columns, feat_channels=(width, width),
            voxel_size=size, point_cloud_range=limits, meters=True, **more))


def safdnet_encoder(shape, width):
    """Voxels [z, y, x] to a sparse map of ``width`` channels, 8 times coarser."""
    return dict(
        type='SAFDNetEncoder', in_channels=64, sparse_shape=shape, stem_channels=(16, 32, 64),
        stem_blocks=(2, 2, 4), num_layers=1, blocks=(4, 2, 2), out_channels=width)


def hednet_encoder(shape):
    """Voxels [z, y, x] to a dense map of 128 channels, 8 times coarser."""
    return dict(
        type='HEDNetEncoder', in_channels=64, sparse_shape=shape, stem_channels=(16, 32, 64),
        stem_blocks=(2, (2, 1, 1), (2, 1, 1)), num_layers=2, blocks=(2, 1, 1), out_channels=64)


def pillar_encoder(kind, shape):
    """Pillars [1, y, x] to a map of 128 channels, 2 times coarser; of either ``kind``."""
    return dict(
        type=kind, in_channels=128, sparse_shape=shape, stem_channels=(), stem_blocks=(),
        num_layers=6, blocks=(2, 1, 1), out_channels=128)


def dense_backbone(num_layers):
    """Dense encoder-decoder blocks on the map."""
    return dict(
        type='DenseEncoderDecoders', channels=128, num_layers=num_layers, blocks=(2, 1, 1))


def transfusion_head(kind, cells, center_range, losses, **more):
    """TransFusion's head on a map of 128 channels, of either ``kind``."""
    return dict(
        type=kind,
        in_channels=128,
        num_classes=10,
        bbox_coder=cells,
        query_initialization=dict(
            channels=128, num_queries=200,
            unsuppressed_classes=(8, 9)),  # pedestrian, traffic_cone
        decoder_layers=[
            dict(type='MapDecoderLayer', num_heads=8, feedforward_channels=256, dropout=0.1)],
        losses=dict(match=dict(label=0.15, center=0.25, iou=0.25), heat_weight=1.0,
                    box_weight=0.25, **losses),
        detections=dict(
            center_range=center_range,
            range_height=0.5,
            suppression=dict(iou_thresholds=[-1] * 8 + [0.175, 0.175])),
        **more)


def small_voxels(limits, size, columns, norm_cfg):
    """:func:`voxels` of 16 channels; places and offsets on one scale, as new trainings want it."""
    found = voxels(limits, size, columns, 16, norm_cfg=norm_cfg)
    found['voxel_encoder']['meters'] = False
    return found


def small_encoder(shape, norm_cfg):
    """A small :func:`safdnet_encoder` of 32 channels, whose map is 4 times coarser than voxels:
    for those twice as large as usual its cells are no larger than other detectors'."""
    return dict(
        type='SAFDNetEncoder', in_channels=16, sparse_shape=shape, stem_channels=(16, 32),
        stem_blocks=(1, 1), num_layers=1, blocks=(1, 1, 1), out_channels=32, norm_cfg=norm_cfg)


def small_diffusion(cells, norm_cfg, groups):
    """Growth of a map of 32 channels; groups but the last are of large objects."""
    return dict(
        type='AdaptiveFeatureDiffusion', channels=32, bbox_coder=cells,
        diffusion=dict(
            groups=groups, kernel_sizes=(*[5] * (len(groups) - 1), 3, 1), threshold=0.4),
        num_layers=1, blocks=(2, 1, 1), norm_cfg=norm_cfg)
