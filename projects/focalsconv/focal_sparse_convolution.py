"""The focal sparse convolution: a submanifold convolution on a learned, dilated voxel set."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from mmcv.cnn import build_norm_layer
from spconv.pytorch import SparseConvTensor, SubMConv3d
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from focalsconv.camera_views import CameraViews
from focalsconv.dilation import important_neighbors, merge, select_foreground
from focalsconv.image_fusion import ImageFusion
from focalsconv.importance import Importance, ImportancePredictor, neighbor_offsets
from focalsconv.published import FocalsConvPublished
from focalsconv.published_merge import merge_as_published, order_in_samples
from sparse3d.errors import ConfigError
from sparse3d.ops.cells import cell_coordinates, cell_keys


@dataclass(frozen=True)
class FocalOptions:
    """How a focal layer selects, grows and weighs voxels.

    ``published`` follows released weights into what looks like an accident of the released code.
    """

    top_k: bool = True              # foreground: a share of each sample, not an absolute level
    threshold: float = 0.5          # that share, or that level; always the level for neighbors
    mask_multi: bool = False        # multiply features by the voxels' importance
    skip_mask_kernel: bool = False  # leave out the mean importance that points at foreground voxels
    max_dilation: float | None = None  # most voxels a sample may gain, as a share of those it has

    published: FocalsConvPublished = FocalsConvPublished()

    def __post_init__(self) -> None:
        object.__setattr__(self, 'published', FocalsConvPublished.of(self.published))
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f'threshold is {self.threshold}; give a share or probability, 0 to 1')
        if self.published_merge and (
                self.max_dilation is not None or self.published.background_copies):
            raise ConfigError('max_dilation and published.background_copies cannot be combined '
                              'with published.float32_keys or key_sizes; leave one out')

    @property
    def published_merge(self) -> bool:
        """Whether voxels are merged by the released keys instead of exact ones."""
        return self.published.float32_keys or self.published.key_sizes


class FocalSparseConvolution(nn.Module):
    """Predict importance, grow the foreground, convolve; with image features or without.

    Args:
        channels: width of input and output.
        kernel_size: of the convolution and of the neighborhood that voxels may grow into.
        enlarge_channels: see :class:`ImportancePredictor`.
        options: see :class:`FocalOptions`.
        norm_cfg: normalization after the convolution.
        stage_key: name of the stage's own table of 3 x 3 x 3 neighbors, read by the predictor.
        focal_key: name for the neighbor table of the grown voxels.
        fusion: reads the image features of voxels (Focals Conv-F), None for LiDAR alone. The
            importance is then predicted from both, and image features are added to the output.

    Source: Focals Conv (CVPR 2022), section 3.
    """

    def __init__(self, channels: int, kernel_size: int, enlarge_channels: int,
                 options: FocalOptions, norm_cfg: dict, stage_key: str, focal_key: str,
                 fusion: ImageFusion | None = None) -> None:
        super().__init__()
        if kernel_size not in (3, 5):
            raise ConfigError(f'kernel_size of a focal convolution is {kernel_size}; use 3 or 5')
        self.options, self.fusion = options, fusion
        self.predictor = ImportancePredictor(
            fusion.predictor_channels(channels) if fusion else channels, kernel_size,
            enlarge_channels, norm_cfg, stage_key)
        self.convolution = SubMConv3d(channels, channels, kernel_size, bias=False,
                                      indice_key=focal_key)
        self.norm = build_norm_layer(norm_cfg, channels)[1]
        self.activation = nn.ReLU(inplace=True)
        self.register_buffer('offsets', neighbor_offsets(kernel_size), persistent=False)

    def forward(self, voxels: SparseConvTensor,
                views: CameraViews | None = None) -> tuple[SparseConvTensor, Importance]:
        """Return the grown voxels, rows ordered by (sample, z, y, x), and what was predicted.

        Args:
            views: the images of the batch, for a layer with ``fusion``.
        """
        importance = self.predictor(self.fusion.joined(voxels, views) if self.fusion else voxels)
        coordinates, features, copied = self.dilate(voxels, importance)
        # A new tensor: neighbor tables of the old voxel set must not be found again.
        output = self.convolution(
            SparseConvTensor(features, coordinates, voxels.spatial_shape, voxels.batch_size))
        seen = self.fusion.voxel_features(output, views) if self.fusion else None
        if len(copied):
            activated = self._activate_with_copies(output.features, features, copied, seen)
        else:
            activated = self._activate(output.features if seen is None else output.features + seen)
        return output.replace_feature(activated), importance

    def dilate(self, voxels: SparseConvTensor,
               importance: Importance) -> tuple[Tensor, Tensor, Tensor]:
        """Dilate the foreground; everything of the layer that is not a convolution.

        Returns:
            coordinates [M, 4] int32, features [M, C], and the rows [D] that the released
            nuScenes code would hold twice (none without ``background_copies``).
        """
        options, shape = self.options, voxels.spatial_shape
        voxel_scores = importance.voxel_scores
        sample = voxels.indices[:, 0].long()
        keys = cell_keys(voxels.indices.unbind(1), shape, voxels.batch_size)
        is_foreground = select_foreground(voxel_scores.detach(), sample, keys, voxels.batch_size,
                                          options.top_k, options.threshold)
        if options.published_merge:
            return self._dilate_as_published(voxels, importance, is_foreground, keys)
        candidates = self._candidate_cells(
            voxels, importance, is_foreground.nonzero().squeeze(1), keys
        )
        dilation = merge(
            keys, is_foreground, *candidates, shape, options.max_dilation, voxels.batch_size
        )
        scale = voxel_scores if options.mask_multi else torch.ones_like(voxel_scores)
        if not options.skip_mask_kernel:
            scale = scale * dilation.weights
        placed = voxels.features.new_zeros(len(dilation.coordinates), voxels.features.shape[1])
        placed[dilation.rows] = voxels.features * scale.to(placed.dtype).unsqueeze(1)
        copied = dilation.rows[:0]
        if options.published.background_copies:
            copied = dilation.rows[dilation.pointed_at & ~is_foreground]
        return dilation.coordinates, placed, copied

    def _candidate_cells(self, voxels: SparseConvTensor, importance: Importance, foreground: Tensor,
                         keys: Tensor) -> tuple[Tensor, Tensor]:
        """Cells that the foreground rows want to grow into: their keys [P], importance [P]."""
        neighbor_scores = importance.logits.index_select(0, foreground)[:, :-1].sigmoid()
        return important_neighbors(
            voxels.indices[foreground], keys[foreground], neighbor_scores, self.offsets,
            voxels.spatial_shape, self.options.threshold,
            lowest_index=int(self.options.published.skip_index_zero))

    def _dilate_as_published(self, voxels: SparseConvTensor, importance: Importance,
                             is_foreground: Tensor, keys: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """:meth:`dilate` with the released order of rows and the released keys."""
        options, coordinates = self.options, voxels.indices
        voxel_scores = importance.voxel_scores
        order = torch.arange(len(keys), device=keys.device)
        if options.top_k:
            order = order_in_samples(voxel_scores.detach(), coordinates[:, 0], descending=True)
        foreground, background = order[is_foreground[order]], order[~is_foreground[order]]
        candidate_keys, candidate_importance = self._candidate_cells(
            voxels, importance, foreground, keys
        )
        features = voxels.features
        if options.mask_multi:
            features = features * voxel_scores.to(features.dtype).unsqueeze(1)
        coordinates, features = merge_as_published(
            features,
            coordinates,
            foreground,
            background,
            cell_coordinates(candidate_keys, voxels.spatial_shape),
            candidate_importance,
            voxels.spatial_shape,
            voxels.batch_size,
            options.published.float32_keys,
            options.published.key_sizes,
            options.skip_mask_kernel,
        )
        return coordinates, features, foreground[:0]

    def _activate(self, features: Tensor) -> Tensor:
        return self.activation(self.norm(features)) if len(features) else features

    def _activate_with_copies(self, output: Tensor, features: Tensor, copied: Tensor,
                              seen: Tensor | None) -> Tensor:
        """Follow the released nuScenes code, which keeps background and dilated rows apart.

        The dilated row of a doubled cell has zero features; among its neighbors it sees the
        real voxels, at its center itself. Both rows pass the normalization, and the strided
        convolution that comes next adds them, so their sum is returned in one row.
        """
        kernel = self.convolution.weight
        center = kernel[:, kernel.shape[1] // 2, kernel.shape[2] // 2, kernel.shape[3] // 2]
        copies = output[copied] - features[copied] @ center.t().to(features.dtype)
        if seen is not None:
            output, copies = output + seen, copies + seen[copied]
        both = self._activate(torch.cat([output, copies]))
        return both[:len(output)].index_add(0, copied, both[len(output):])
