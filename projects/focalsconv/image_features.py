"""Shallow image features for Focals Conv-F: the stem and first stage of a ResNet-50, reduced."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmcv.cnn import ConvModule
from mmdet3d.registry import MODELS
from mmdet3d.structures import Det3DDataSample
from mmengine.model import BaseModule
from torch import Tensor

from focalsconv.camera_views import CameraViews, camera_views
from focalsconv.published import FocalsConvPublished
from sparse3d.structures.cameras import Cameras

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # red, green, blue, of 0 to 255
IMAGENET_STD = (58.395, 57.12, 57.375)


@MODELS.register_module()
class ShallowImageEncoder(BaseModule):
    """Features at a quarter of the image's size, seen by all cameras of a sample.

    The released code runs a whole DeepLabV3 and reads its ``layer1``; the rest, 39 million
    parameters, never reaches a voxel and is not built here.

    Args:
        out_channels: width after the 1 x 1 reduction.
        depth: 50, or 18 or 34 for small experiments.
        base_channels: width of the ResNet's stem, 64 as published.
        pretrained: checkpoint file for the ResNet, or None; ``prefix`` as in mmengine's
            ``Pretrained`` (``'backbone.'`` for torchvision's DeepLabV3).
        mean, std: normalization of RGB values from 0 to 255.
        published: quirks; with ``encode_padding`` the padding is normalized as if it were a black
            image (release); otherwise it is zero after the normalization.

    Source: Focals Conv (CVPR 2022), section 3.3.
    """

    published_set = FocalsConvPublished

    def __init__(self, out_channels: int = 16, depth: int = 50, base_channels: int = 64,
                 pretrained: str | None = None, prefix: str | None = None,
                 mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD,
                 published: dict | FocalsConvPublished | None = None) -> None:
        super().__init__()
        init_cfg = pretrained and dict(type='Pretrained', checkpoint=pretrained, prefix=prefix)
        self.backbone = MODELS.build(dict(
            type='mmdet.ResNet', depth=depth, base_channels=base_channels, num_stages=1,
            strides=(1, ), dilations=(1, ), out_indices=(0, ), norm_eval=False, style='pytorch',
            init_cfg=init_cfg))
        self.reduction = ConvModule(self.backbone.feat_dim, out_channels, 1, bias=False,
                                    norm_cfg=dict(type='BN'))
        self.published = FocalsConvPublished.of(published)
        self.register_buffer('mean', torch.tensor(list(mean)).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(list(std)).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor, data_samples: list[Det3DDataSample]) -> CameraViews:
        """Encode the images of a batch and read where their cameras stand.

        Args:
            images: [B, N, 3, H, W] or, one camera, [B, 3, H, W]; RGB, 0 to 255, smaller images
                padded on the right and at the bottom.
            data_samples: with the metainfo that :func:`camera_views` reads.
        """
        images = images.unsqueeze(1) if images.dim() == 4 else images  # [B, N, 3, H, W]
        views = camera_views(data_samples, images)
        return views.with_features(self.features(views.cameras.without_missing(images),
                                                 views.cameras))

    def features(self, images: Tensor, cameras: Cameras) -> Tensor:
        """Encode images.

        Args:
            images: [B, N, 3, H, W].
            cameras: that took them.

        Returns:
            [B, N, C, ceil(H / 4), ceil(W / 4)].
        """
        normalized = (images.float() - self.mean) / self.std
        if not self.published.encode_padding:
            outside = _outside(cameras)
            normalized = normalized.masked_fill(outside, 0)  # not multiplied: 0 * NaN is NaN
        encoded = self.reduction(self.backbone(normalized.flatten(0, 1))[0])
        return encoded.unflatten(0, images.shape[:2])


def _outside(cameras: Cameras) -> Tensor:
    """True on the padding of an image: [B, N, 1, H, W]; of a missing image everywhere."""
    rows, columns = (torch.arange(size, device=cameras.sizes.device)
                     for size in cameras.image_size)
    height, width = cameras.sizes.unbind(-1)
    outside = ((rows[:, None] >= height[..., None, None])
               | (columns[None, :] >= width[..., None, None])
               | ~cameras.valid[..., None, None])
    return outside.unsqueeze(2)
