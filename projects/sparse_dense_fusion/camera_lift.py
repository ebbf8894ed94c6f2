"""Image features lifted to the map: each pixel spreads over the cells along its ray."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from mmdet3d.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.layers.precision import full_precision
from sparse3d.models.layers.residual_block import ResidualBlock
from sparse3d.ops.sparse_depth import DEPTH_VARIANCE, MEAN_DEPTH
from sparse3d.structures.camera_rig import CameraRig

SEEN = 1e-3  # of a cell: the sum of the probabilities from which on a camera covers it
DEPTH_CHANNELS = 32  # of the LiDAR's depths that help to choose a bin


@dataclass(frozen=True)
class DepthBins:
    """Equal steps along the viewing axis of a camera.

    Attributes:
        nearest: where the first one begins, meters.
        farthest: where the last one ends, meters.
        count: of the bins.
    """

    nearest: float = 1.0
    farthest: float = 61.0
    count: int = 60

    @property
    def step(self) -> float:
        """Length of a bin, meters."""
        return (self.farthest - self.nearest) / self.count

    @property
    def centers(self) -> list[float]:
        """Depth of the middle of each bin, meters."""
        return [self.nearest + (number + 0.5) * self.step for number in range(self.count)]


@MODELS.register_module()
class CameraLift(BaseModule):
    """A map from the cameras: a distribution over depths and a context for each pixel.

    The bins of all pixels are added to the cells that they lie in, one bin at a time, so that the
    product of probabilities and contexts is never whole in memory. The sums have a fixed order on
    a CPU, and on a GPU where PyTorch is asked for deterministic algorithms.

    Args:
        image_channels: of the image features.
        channels: of the map.
        context_channels: of what a pixel hands to its cells.
        hidden_channels: of the layers that look at a pixel.
        level: of the pyramid, 0 is the finest.
        bins: of the depth, see :class:`DepthBins`.
        depth_loss_weight: of the cross-entropy of the depths with the LiDAR's; 0 for none.

    Source: Lift, Splat, Shoot (ECCV 2020), section 3, which the dense fusion of SDF (IROS 2023) is
    inferred to use.
    """

    argument_objects = dict(bins=DepthBins)

    def __init__(
            self,
            image_channels: int,
            channels: int = 128,
            context_channels: int = 64,
            hidden_channels: int = 128,
            level: int = 2,
            bins: dict | DepthBins | None = None,
            depth_loss_weight: float = 0.0,
            init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.bins = argument_object(self, 'bins', bins)
        if not 0 <= self.bins.nearest < self.bins.farthest or self.bins.count < 1:
            raise ConfigError(f'CameraLift: bins from {self.bins.nearest} to {self.bins.farthest} '
                              f'meters in {self.bins.count} steps hold no depth')
        self.level, self.depth_loss_weight = level, depth_loss_weight
        self.depth_encoder = nn.Sequential(
            *_convolution(2, DEPTH_CHANNELS, stride=2),
            *_convolution(DEPTH_CHANNELS, DEPTH_CHANNELS, stride=2))
        self.pixels = nn.Sequential(
            *_convolution(image_channels + DEPTH_CHANNELS, hidden_channels),
            ResidualBlock(hidden_channels, hidden_channels),
            nn.Conv2d(hidden_channels, self.bins.count + context_channels, 1))
        self.cells = nn.Sequential(
            *_convolution(context_channels + 1, channels), *_convolution(channels, channels))

    def forward(
            self,
            images: Sequence[Tensor],  # of each level [B * N, C, h, w], finest first
            depth: Tensor,             # [B * N, 2, 4 h, 4 w] at the level, see sparse_depth
            rig: CameraRig,
            coder: TransFusionBoxCoder,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The cameras' map [B, channels, H, W], which cells they cover [B, 1, H, W], and the
        logits of the depths [B * N, bins, h, w]."""
        image = images[self.level]
        logits, context = self.look(image, depth)
        probability, context = self.masked(logits, context, rig.picture_mask(image.shape[-2:]))
        summed = splat(probability, context, self.cells_of(image.shape[-2:], rig, coder),
                       len(rig.valid), coder.map_size)
        return *self.map_of(summed, image.dtype), logits

    def look(self, image: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the depths [B * N, bins, h, w] and contexts [B * N, context_channels, h, w].

        Raises:
            ConfigError: if the level is not a quarter of the size of the depths.
        """
        encoded = self.depth_encoder(depth.to(image.dtype))
        if encoded.shape[-2:] != image.shape[-2:]:
            raise ConfigError(
                f'CameraLift: level {self.level} of the images has {tuple(image.shape[-2:])} '
                f'pixels, the depths {tuple(encoded.shape[-2:])}; pad images to multiples of 32 '
                f'and take level 2, of stride 16')
        found = self.pixels(torch.cat([image, encoded], dim=1))
        return found[:, :self.bins.count], found[:, self.bins.count:]

    def masked(self, logits: Tensor, context: Tensor, picture: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities and contexts in float32, zero for pixels without a picture, chosen rather
        than multiplied: zero times NaN is NaN."""
        probability = logits.float().softmax(1)
        zero = probability.new_zeros(())
        return (torch.where(picture[:, None], probability, zero),
                torch.where(picture[:, None], context.float(), zero))

    def map_of(self, summed: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """The cameras' map and which cells they cover, from what :func:`splat` gives."""
        coverage = (summed[:, -1:] > SEEN).to(summed.dtype)
        return self.cells(torch.cat([summed[:, :-1], coverage], dim=1).to(dtype)), coverage

    @torch.no_grad()
    def cells_of(self, shape: tuple[int, int], rig: CameraRig,
                 coder: TransFusionBoxCoder) -> Tensor:  # [bins, B * N * h * w]
        """Cell of every pixel's bin among those of all samples; one too many for outside.

        A bin lies where its middle does; those outside of the map or of its heights are out.
        """
        directions = pixel_directions(shape, rig)              # [B, N, P, 3]
        width, height = coder.map_size
        batch = len(directions)
        sample = torch.arange(batch, device=directions.device)[:, None, None]
        low, high = coder.z_range
        rows = []
        with full_precision(directions):
            for depth in self.bins.centers:
                points = rig.to_lidar(directions * depth)
                x, y = coder.to_cells(points[..., :2]).floor().unbind(-1)
                inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
                inside &= (points[..., 2] >= low) & (points[..., 2] <= high)
                cell = (sample * height + y.long()) * width + x.long()
                rows.append(torch.where(inside, cell, batch * height * width).flatten())
        return torch.stack(rows)

    def depth_loss(self, logits: Tensor, depth: Tensor) -> Tensor:
        """Cross-entropy of the bins with the LiDAR's, over the pixels with a point.

        Args:
            logits: [B * N, bins, h, w].
            depth: [B * N, 2, h, w] at the same stride, see :func:`sparse_depth`.
        """
        meters = depth[:, 0].float() * DEPTH_VARIANCE ** 0.5 + MEAN_DEPTH
        number = ((meters - self.bins.nearest) / self.bins.step).floor().long()
        known = (depth[:, 1] > 0) & (number >= 0) & (number < self.bins.count)
        target = number.clamp(0, self.bins.count - 1)
        loss = F.cross_entropy(logits.float(), target, reduction='none')
        total = torch.where(known, loss, loss.new_zeros(())).sum()
        return self.depth_loss_weight * total / known.sum().clamp(min=1)


def pixel_directions(shape: tuple[int, int], rig: CameraRig) -> Tensor:  # [B, N, h * w, 3]
    """Rays of the pixel centers of features in each camera's frame, one meter deep."""
    height, width = shape
    device = rig.intrinsics.device
    y, x = torch.meshgrid(
        (torch.arange(height, device=device) + 0.5) * (rig.image_size[0] / height),
        (torch.arange(width, device=device) + 0.5) * (rig.image_size[1] / width), indexing='ij')
    pixels = torch.stack([x, y, torch.ones_like(x)]).flatten(1)  # [3, h * w]
    with full_precision(pixels):
        # Triangular, as they are: a general solution waits for the device.
        return torch.linalg.solve_triangular(rig.intrinsics.float(), pixels.expand(
            *rig.intrinsics.shape[:2], -1, -1), upper=True).mT


def splat(
        probability: Tensor,        # [B * N, bins, h, w]
        context: Tensor,            # [B * N, C, h, w]
        cells: Tensor,              # [bins, B * N * h * w]  see CameraLift.cells_of
        batch: int,
        map_size: tuple[int, int],  # cells along x, y
) -> Tensor:                        # [B, C + 1, H, W]  the last channel is the probability's sum
    """Add every pixel's context times its probabilities to the cells of its bins."""
    width, height = map_size
    rows = context.permute(0, 2, 3, 1).flatten(0, 2)                  # [P, C]
    rows = torch.cat([rows, torch.ones_like(rows[:, :1])], dim=1)
    shares = probability.permute(1, 0, 2, 3).flatten(1)               # [bins, P]
    count = batch * height * width + 1
    learns = torch.is_grad_enabled() and (rows.requires_grad or shares.requires_grad)
    summed = _BinByBin.apply(rows, shares, cells, count) if learns else (
        _sums(rows, shares, cells, count))
    return summed[:-1].view(batch, height, width, -1).permute(0, 3, 1, 2).contiguous()


def _sums(rows: Tensor, shares: Tensor, cells: Tensor, count: int) -> Tensor:
    summed = rows.new_zeros(count, rows.shape[1])
    for share, cell in zip(shares, cells, strict=True):
        summed.index_add_(0, cell, rows * share[:, None])
    return summed


class _BinByBin(torch.autograd.Function):
    """The sums, whose way back computes each product anew: autograd would keep all of them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, shares: Tensor, cells: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(rows, shares, cells)
        return _sums(rows, shares, cells, count)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        rows, shares, cells = ctx.saved_tensors
        of_rows, of_shares = torch.zeros_like(rows), torch.empty_like(shares)
        for number, (share, cell) in enumerate(zip(shares, cells, strict=True)):
            found = gradient[cell]
            of_rows += found * share[:, None]
            of_shares[number] = (found * rows).sum(1)
        return of_rows, of_shares, None, None


def _convolution(in_channels: int, channels: int, stride: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels),
            nn.ReLU()]
