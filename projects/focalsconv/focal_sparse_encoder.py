"""Sparse 3D encoder with focal layers, a middle encoder for any voxel detector."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from mmdet3d.models.layers import make_sparse_convmodule
from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from focalsconv.camera_views import CameraViews, ProjectionOptions
from focalsconv.encoder_stages import StagePlan, plain_stages, residual_stages
from focalsconv.focal_sparse_convolution import FocalOptions, FocalSparseConvolution
from focalsconv.image_fusion import ImageFusion
from focalsconv.importance import Importance
from focalsconv.importance_loss import (
    importance_loss,
    inside_boxes,
    inside_doubled_boxes,
    voxel_corners,
)
from focalsconv.published import FocalsConvPublished
from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.ops import voxel_batch_norm  # noqa: F401  (registers VoxelBN1d)


@dataclass(frozen=True)
class EncodedVoxels:
    """What the encoder computed on its way to the BEV map."""

    stages: list[SparseConvTensor]  # after each stage, focal layer included, before down-sampling
    output: SparseConvTensor        # sparse form of the BEV map
    importance: dict[int, Importance] = field(default_factory=dict)  # by stage number, from 1
    of_images: Importance | None = None  # of the layer that sees images, after stage 1


@dataclass(frozen=True)
class FocalLayerOptions(FocalOptions):
    """Where focal layers stand, and what all of them do; further fields: :class:`FocalOptions`.

    Attributes:
        stages: numbers of the stages, from 1, that end with a focal layer.
        kernel_size: 3 or 5, of the focal convolutions.
        enlarge_channels: width of the convolution in front of the importance, 0 for none.
    """

    stages: Sequence[int] = (1, 2, 3)
    kernel_size: int = 3
    enlarge_channels: int = 0


@MODELS.register_module()
class FocalSparseEncoder(nn.Module):
    """mmdet3d's ``SparseEncoder`` with a focal sparse convolution at the end of chosen stages.

    The arguments up to ``return_middle_feats`` are those of ``SparseEncoder``, and so are the
    names and shapes of all weights outside ``focal_layers``; with ``focal=dict(stages=())`` both
    compute the same. ``block_type='conv_module'`` is the published KITTI and Waymo encoder,
    ``'basicblock'`` the nuScenes one.

    Args:
        in_channels: width of the voxel features.
        sparse_shape: cells of the grid along z, y, x; one more than the range holds along z.
        order: only the default; there for configs of ``SparseEncoder`` that spell it out.
        voxel_size: meters along x, y, z.
        point_cloud_range: x, y, z minima, then maxima, in meters.
        focal: the focal layers, see :class:`FocalLayerOptions`.
        importance_loss_weight: factor of each stage's importance loss.
        image_fusion: Focals Conv-F: one more focal layer after stage 1 that sees images. Its
            ``channels`` (16) and ``join`` as in :class:`ImageFusion`, ``mask_multi`` and
            ``skip_mask_kernel`` of that layer, and ``minimum_depth`` of
            :class:`ProjectionOptions`.
        published: quirks, see :class:`focalsconv.published.FocalsConvPublished`.

    Raises:
        ConfigError: if grid, range and voxel size contradict each other or a stage is unknown.

    Source: Focals Conv (CVPR 2022), section 3; released VoxelBackBone8xFocal and
    SpMiddleResNetFHDFocal.
    """

    published_set = FocalsConvPublished
    argument_objects = dict(focal=FocalLayerOptions)
    # Importance is learned from boxes, and dilation makes voxels out of hidden ones.
    pretraining_options = dict(focal=dict(stages=()), image_fusion=None)
    not_pruned = ('focal_layers', 'image_layer')  # they choose voxels on their own

    def __init__(
            self,
            in_channels: int,
            sparse_shape: Sequence[int],
            voxel_size: Sequence[float],
            point_cloud_range: Sequence[float],
            order: Sequence[str] = ('conv', 'norm', 'act'),
            norm_cfg: dict | None = None,
            base_channels: int = 16,
            output_channels: int = 128,
            encoder_channels: Sequence[Sequence[int]] = (
                (16, ), (32, 32, 32), (64, 64, 64), (64, 64, 64)),
            encoder_paddings: Sequence[Sequence] = (
                (1, ), (1, 1, 1), (1, 1, 1), ((0, 1, 1), 1, 1)),
            block_type: str = 'conv_module',
            return_middle_feats: bool = False,
            focal: dict | FocalLayerOptions | None = None,
            importance_loss_weight: float = 1.0,
            image_fusion: dict | None = None,
            published: dict | FocalsConvPublished | None = None,
    ) -> None:
        super().__init__()
        if tuple(order) != ('conv', 'norm', 'act'):
            raise ConfigError(f"order is {tuple(order)}; only ('conv', 'norm', 'act') is offered")
        norm_cfg = norm_cfg or dict(type='VoxelBN1d', eps=1e-3, momentum=0.01)
        self.sparse_shape = [int(cells) for cells in sparse_shape]
        self.return_middle_feats = return_middle_feats
        self.importance_loss_weight = importance_loss_weight
        self.published = published = FocalsConvPublished.of(published)
        self.importance_target = (inside_doubled_boxes if published.doubled_targets
                                  else inside_boxes)
        self._check_grid(voxel_size, point_cloud_range)
        self.register_buffer('voxel_size', torch.tensor(list(voxel_size)).float(), persistent=False)
        self.register_buffer('range_minimum', torch.tensor(list(point_cloud_range[:3])).float(),
                             persistent=False)
        self.conv_input = make_sparse_convmodule(
            in_channels, base_channels, 3, norm_cfg=norm_cfg, padding=1, indice_key='subm1',
            conv_type='SubMConv3d')
        build = {'conv_module': plain_stages, 'basicblock': residual_stages}.get(block_type)
        if build is None:
            raise ConfigError(f"block_type is '{block_type}'; use 'conv_module' or 'basicblock'")
        plan = build(base_channels, encoder_channels, encoder_paddings, norm_cfg)
        self.encoder_layers, self.focal_positions = plan.layers, plan.focal_positions
        options = replace(argument_object(self, 'focal', focal), published=published)
        self.focal_layers = _focal_layers(plan, norm_cfg, options)
        self.image_layer = None
        if image_fusion is not None:
            fusion = dict(voxel_size=voxel_size, range_minimum=point_cloud_range[:3],
                          published=published, **image_fusion)
            key = ('subm1' if 1 not in options.stages else
                   'focal1' if options.kernel_size == 3 else 'image_in')
            self.image_layer = _image_layer(plan.widths[0], options, norm_cfg, key, **fusion)
        self.conv_out = make_sparse_convmodule(
            plan.widths[-1], output_channels, kernel_size=(3, 1, 1), stride=(2, 1, 1),
            norm_cfg=norm_cfg, padding=0, indice_key='spconv_down2', conv_type='SparseConv3d')

    def forward(self, voxel_features: Tensor, coors: Tensor,
                batch_size: int) -> Tensor | tuple[Tensor, list[SparseConvTensor]]:
        """Encode voxels into a dense BEV map, as ``SparseEncoder`` does.

        Args:
            voxel_features: [N, C].
            coors: [N, 4] integers (sample, z, y, x).

        Returns:
            [B, C * D, H, W], and the stages' sparse outputs with ``return_middle_feats``.
        """
        bev, encoded = self.encode(voxel_features, coors, batch_size)
        return (bev, encoded.stages) if self.return_middle_feats else bev

    def encode(self, voxel_features: Tensor, coordinates: Tensor, batch_size: int,
               views: CameraViews | None = None) -> tuple[Tensor, EncodedVoxels]:
        """As :meth:`forward`, with all that :meth:`auxiliary_losses` and other users need.

        Args:
            views: the images of the batch, with ``image_fusion``.
        """
        voxels = SparseConvTensor(voxel_features, coordinates.int(), self.sparse_shape, batch_size)
        voxels = self.conv_input(voxels)
        stages, importance, of_images = [], {}, None
        for number, (layers, position) in enumerate(
                zip(self.encoder_layers, self.focal_positions, strict=True), start=1):
            voxels = _run(list(layers)[:position], voxels)
            if f'stage{number}' in self.focal_layers:
                voxels, importance[number] = self.focal_layers[f'stage{number}'](voxels)
            if number == 1 and self.image_layer is not None:
                voxels, of_images = self.image_layer(voxels, views)
            stages.append(voxels)
            voxels = _run(list(layers)[position:], voxels)
        output = self.conv_out(voxels)
        bev = output.dense().flatten(1, 2)  # [B, C, D, H, W] -> [B, C * D, H, W]
        return bev, EncodedVoxels(stages, output, importance, of_images)

    def auxiliary_losses(self, auxiliary: EncodedVoxels,
                         gt_boxes: list[Tensor]) -> dict[str, Tensor]:
        """Importance loss of every focal layer; none with a weight of 0.

        Args:
            gt_boxes: for each sample [n, >= 7] (x, y, z_bottom, dx, dy, dz, yaw, ...), LiDAR frame.

        Returns:
            ``loss_importance_stage<number>`` and ``loss_importance_image``: scalars.
        """
        if self.importance_loss_weight == 0:
            return {}
        layers = {f'stage{stage}': (stage, of_stage)
                  for stage, of_stage in auxiliary.importance.items()}
        if auxiliary.of_images is not None:
            layers['image'] = (1, auxiliary.of_images)
        return {f'loss_importance_{name}': self.importance_loss_weight * importance_loss(
                    importance.voxel_scores, self.importance_targets(stage, importance, gt_boxes))
                for name, (stage, importance) in layers.items()}

    def importance_targets(self, stage: int, importance: Importance,
                           gt_boxes: list[Tensor]) -> Tensor:
        """Mark the voxels that a stage's importance should call foreground, [N] bool."""
        return self.importance_target(self.voxel_positions(stage, importance.coordinates),
                                      importance.coordinates[:, 0].long(), gt_boxes)

    def voxel_positions(self, stage: int, coordinates: Tensor) -> Tensor:
        """Where the voxels of a stage lie in the cloud, [N, 3] meters."""
        corners = voxel_corners(coordinates, 2 ** (stage - 1), self.voxel_size,
                                self.range_minimum)
        # Down-sampling centers a coarse voxel on the fine one at its lower corner.
        return corners if self.published.corners else corners + self.voxel_size / 2

    def _check_grid(self, voxel_size: Sequence[float], point_cloud_range: Sequence[float]) -> None:
        """Wrong sizes would go unnoticed: only the importance targets would be nonsense."""
        edges = zip(point_cloud_range[:3], point_cloud_range[3:], voxel_size, strict=True)
        cells = [round((high - low) / size) for low, high, size in edges][::-1]
        depth, height, width = self.sparse_shape
        if [height, width] != cells[1:] or depth not in (cells[0], cells[0] + 1):
            raise ConfigError(
                f'sparse_shape {self.sparse_shape} does not fit point_cloud_range and voxel_size; '
                f'they make [{cells[0] + 1}, {cells[1]}, {cells[2]}] cells along z, y, x')


def _focal_layers(plan: StagePlan, norm_cfg: dict, options: FocalLayerOptions) -> nn.ModuleDict:
    """One focal layer for each chosen stage, under the names stage1, stage2, ..."""
    wrong = sorted(set(options.stages) - set(plan.focal_stages()))
    if wrong:
        raise ConfigError(f'no focal layer can end the stages {wrong}; '
                          f'choose from {plan.focal_stages()}')
    return nn.ModuleDict({
        f'stage{stage}': FocalSparseConvolution(
            plan.widths[stage - 1], options.kernel_size, options.enlarge_channels, options,
            norm_cfg, f'subm{stage}', f'focal{stage}')
        for stage in sorted(set(options.stages))})


def _image_layer(width: int, options: FocalOptions, norm_cfg: dict, stage_key: str,
                 voxel_size: Sequence[float], range_minimum: Sequence[float], channels: int = 16,
                 join: str = 'concatenate', mask_multi: bool = False,
                 skip_mask_kernel: bool = False, **projection) -> FocalSparseConvolution:
    """The focal layer of Focals Conv-F."""
    unknown = sorted(set(projection) - set(ProjectionOptions.__dataclass_fields__))
    if unknown:
        known = ', '.join(ProjectionOptions.__dataclass_fields__)
        raise ConfigError(f"image_fusion has no option {', '.join(unknown)}; use channels, join, "
                          f'mask_multi, skip_mask_kernel, {known}')
    fusion = ImageFusion(channels, join, voxel_size, range_minimum,
                         ProjectionOptions(**projection))
    options = replace(options, mask_multi=mask_multi, skip_mask_kernel=skip_mask_kernel)
    return FocalSparseConvolution(width, 3, 0, options, norm_cfg, stage_key, 'focal_image', fusion)


def _run(layers: list[nn.Module], voxels: SparseConvTensor) -> SparseConvTensor:
    for layer in layers:
        voxels = layer(voxels)
    return voxels
