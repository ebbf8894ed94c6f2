"""Image encoders of the detectors with LiDAR and cameras, once; no config."""


def voxels_and_images(voxel_layer):
    """The preprocessor: hard voxels, and images normalized as ImageNet's, in RGB."""
    return dict(
        type='Det3DDataPreprocessor',
        voxel=True,
        voxel_layer=voxel_layer,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32)


def resnet50():
    """As image detectors are trained: the first stage and all statistics stay."""
    return dict(
        type='mmdet.ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=True,
        with_cp=True,  # a third of the memory of training for some time; the results are the same
        style='pytorch')


def small_resnet():
    """ResNet-18 of a quarter of the channels. It learns from nothing, so its statistics have to."""
    return dict(
        type='mmdet.ResNet',
        depth=18,
        base_channels=16,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        norm_cfg=dict(type='BN2d', requires_grad=True),
        norm_eval=False)
