"""Semantics for the LiDAR: image features carried into the heat map of the scene."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparse3d.models.center.bev_grid import cell_centers
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.layers.linear import Linear
from sparse3d.models.query.positions import logit
from sparse3d.ops.constants import constant
from sparse3d.structures.camera_rig import CameraRig
from sparse3d.structures.projection import NEAR
from sparsefusion.convolution_block import convolution_block
from sparsefusion.deformable_decoder_layer import DeformableDecoderLayer
from sparsefusion.image_pyramid import ImagePyramid
from sparsefusion.view_groups import ViewGroups


@dataclass
class TransferredMap:
    """What the images add to the map.

    Attributes:
        joined: [B, C + 1, H, W] features, and whether some camera sees the cell.
        reduced: [B, C, H, W] features behind the reducing convolution.
        heat: [B, K, H, W] logits of the heat map.
    """

    joined: Tensor
    reduced: Tensor
    heat: Tensor


class SemanticTransfer(nn.Module):
    """Look up every cell with points in the images that see it.

    Args:
        channels: of map and image features.
        num_classes: number of classes.
        image_stride: of the finest image level.
        layer: settings of the deformable layer.

    Source: SparseFusion (ICCV 2023), section 3.3; released code.
    """

    def __init__(self, channels: int, num_classes: int, image_stride: int,
                 layer: dict | None = None) -> None:
        super().__init__()
        self.map_projection = projection(channels)
        self.image_projection = projection(channels)
        self.decoder = DeformableDecoderLayer(3, channels, **(layer or {}))
        self.reduce = convolution_block(channels + 1, channels)
        self.heat = nn.Conv2d(channels, num_classes, 3, padding=1)
        self.stride = image_stride

    def forward(self,
                bev: Tensor,       # [B, C, H, W]
                heights: Tensor,   # [B, H, W]  meters
                occupied: Tensor,  # [B, H, W] bool
                images: ImagePyramid,
                rig: CameraRig,
                coder: TransFusionBoxCoder,
                published_padding: bool = False,
                ) -> TransferredMap:
        """Heat map of the scene with the semantics of the images.

        Args:
            published_padding: see :meth:`CameraRig.visible_size`.
        """
        batch, channels, height, width = bev.shape
        cells = self.map_projection(bev.flatten(2).transpose(1, 2))  # [B, H * W, C]
        images = images.with_levels([_per_pixel(self.image_projection, level)
                                     for level in images.levels])
        pixels, depth = rig.project(self._cell_points(bev, heights, coder))
        seen = self._seen(pixels, depth, rig, published_padding) & occupied.flatten(1)[:, None]
        groups = ViewGroups.of(seen.flatten(0, 1))
        if not groups.nobody:
            found = groups.put_back(self._cross_attention(cells, pixels, depth, groups, images),
                                    batch, height * width)
            cells = torch.where(found.isfinite(), found.to(cells), cells)
        flag = seen.any(1)[..., None].to(cells)
        joined = torch.cat([cells, flag], dim=2).transpose(1, 2)
        joined = joined.reshape(batch, channels + 1, height, width)
        reduced = self.reduce(joined)
        return TransferredMap(joined, reduced, self.heat(reduced))

    def _cross_attention(self, cells: Tensor, pixels: Tensor, depth: Tensor, groups: ViewGroups,
                         images: ImagePyramid) -> Tensor:  # [B * N, L, C]
        finest = images.levels[0].shape
        scale = constant([finest[-1], finest[-2]], pixels) * self.stride
        references = groups.take(pixels.flatten(0, 1)) / scale   # [B * N, L, 2]
        depth = groups.take(depth.flatten(0, 1)[..., None])
        references = references.masked_fill(~groups.valid[..., None], 0.5)
        depth = depth.masked_fill(~groups.valid[..., None], 1.0).clamp(min=NEAR)
        queries = groups.take_shared(cells) + _highest_sample(images.levels, references)
        positions = torch.cat([logit(references), depth.log()], dim=-1)
        return self.decoder(queries, positions, references, groups.padding, images)

    def _seen(self, pixels: Tensor, depth: Tensor, rig: CameraRig,
              published_padding: bool) -> Tensor:  # [B, N, P]
        size = rig.visible_size(published_padding)[:, :, None]
        inside = ((pixels >= 0) & (pixels < size)).all(-1)
        return inside & (depth > NEAR) & rig.valid[..., None]

    @staticmethod
    def _cell_points(bev: Tensor, heights: Tensor, coder: TransFusionBoxCoder) -> Tensor:
        """Centers [B, H * W, 3] of the cells at their heights, meters."""
        centers = coder.to_meters(cell_centers(bev).float()).expand(len(bev), -1, -1)
        return torch.cat([centers, heights.flatten(1)[..., None].float()], dim=-1)


def projection(channels: int) -> nn.Sequential:
    """A linear layer with a layer normalization."""
    return nn.Sequential(Linear(channels, channels), nn.LayerNorm(channels))


def _per_pixel(layer: nn.Module, features: Tensor) -> Tensor:  # [B, C, H, W] -> the same
    return layer(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _highest_sample(levels: list[Tensor], references: Tensor) -> Tensor:  # [G, L, C]
    """Features at the references, in each channel the highest of all levels."""
    grid = (references * 2 - 1)[:, None].to(levels[0])  # [G, 1, L, 2]
    samples = [F.grid_sample(level, grid, padding_mode='border', align_corners=False)[:, :, 0]
               for level in levels]
    return torch.stack(samples).amax(0).transpose(1, 2)
