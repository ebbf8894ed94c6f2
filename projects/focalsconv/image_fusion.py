"""Image features joined to voxels, for the importance of a focal layer and for its output."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

from focalsconv.camera_views import CameraViews, ProjectionOptions, read_views
from sparse3d.errors import ConfigError

WAYS_TO_JOIN = ('concatenate', 'add')


class ImageFusion(nn.Module):
    """Reads, for each voxel, the features of the pixels that show it. Has no parameters.

    Args:
        channels: of the image features.
        join: what the importance is predicted from: image and voxel features side by side
            (``'concatenate'``, KITTI release) or their sum (``'add'``, nuScenes release).
        voxel_size, range_minimum: x, y, z in meters.
        options: see :class:`ProjectionOptions`.
    """

    def __init__(self, channels: int, join: str, voxel_size: Sequence[float],
                 range_minimum: Sequence[float], options: ProjectionOptions) -> None:
        super().__init__()
        if join not in WAYS_TO_JOIN:
            raise ConfigError(f"join is '{join}'; use one of {', '.join(WAYS_TO_JOIN)}")
        self.channels, self.join, self.options = channels, join, options
        self.register_buffer('voxel_size', torch.tensor(list(voxel_size)).double(),
                             persistent=False)
        self.register_buffer('range_minimum', torch.tensor(list(range_minimum)).double(),
                             persistent=False)

    def predictor_channels(self, voxel_channels: int) -> int:
        """Width of what :meth:`joined` returns.

        Raises:
            ConfigError: if image and voxel features, which are added, differ in width.
        """
        if self.channels != voxel_channels:  # the layer's output always takes their sum
            raise ConfigError(f'{self.channels} image channels cannot be added to '
                              f'{voxel_channels} of voxels; make them equal')
        return voxel_channels + (self.channels if self.join == 'concatenate' else 0)

    def joined(self, voxels: SparseConvTensor, views: CameraViews) -> SparseConvTensor:
        """Voxels with the features that the importance is predicted from."""
        seen = self.voxel_features(voxels, views)
        if self.join == 'add':
            return voxels.replace_feature(voxels.features + seen)
        return voxels.replace_feature(torch.cat([seen, voxels.features], 1))

    def voxel_features(self, voxels: SparseConvTensor, views: CameraViews) -> Tensor:
        """Image features of voxels at full resolution, [M, C]."""
        if views is None:
            raise ConfigError('this encoder fuses images and got none; give the detector an '
                              'image_encoder and the pipeline images')
        return read_views(voxels.indices, 1, self.voxel_size, self.range_minimum, views,
                          self.options).to(voxels.features.dtype)
