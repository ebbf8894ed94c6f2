"""Adaptive feature diffusion: a sparse map grows around likely objects, more around larger ones."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmdet3d.registry import MODELS
from spconv.pytorch import SparseConvTensor, SubMConv2d
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from safdnet.cell_dilation import grown_map
from safdnet.diffusion_targets import diffusion_losses, diffusion_targets
from safdnet.sparse_encoder_decoder import NORM, SparseEncoderDecoder, sparse_unit
from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.models.center.bev_grid import BEVGrid, GridOptions
from sparse3d.models.center.heatmap_loss import RARE_BIAS
from sparse3d.models.layers.precision import full_precision


@dataclass(frozen=True)
class DiffusionOptions:
    """Which cells grow, and how far.

    Attributes:
        groups: class numbers of each group of classes of about one size.
        kernel_sizes: side of the square, in cells and odd, that a foreground cell of each group
            grows to; and, last, one of the background.
        threshold: probability above which a cell is foreground of a group.
    """

    groups: Sequence[Sequence[int]]
    kernel_sizes: Sequence[int]
    threshold: float = 0.4

    def __post_init__(self) -> None:
        if len(self.kernel_sizes) != len(self.groups) + 1 or any(
                size < 1 or size % 2 == 0 for size in self.kernel_sizes):
            raise ConfigError(
                f'kernel_sizes of AdaptiveFeatureDiffusion are {list(self.kernel_sizes)}: give one '
                f'odd number for each of the {len(self.groups)} groups and one for the background')


@dataclass(frozen=True)
class Diffusion:
    """What the voxel classification said, for losses and pictures.

    Attributes:
        coordinates: [N, 3] sample, y, x of the cells before they grew.
        logits: [N, groups].
        foreground: [N, groups] bool.
    """

    coordinates: Tensor
    logits: Tensor
    foreground: Tensor


@MODELS.register_module()
class AdaptiveFeatureDiffusion(nn.Module):
    """Grow a sparse map where objects are likely, then let features flow into the new cells.

    The center of a large object is often empty: nothing is scanned inside of it. A small branch
    says, for each group of classes, which cells lie in boxes; each of these grows to a square whose
    side is that of its group, all others to one of their own. New cells begin with zeros;
    encoder-decoder blocks on the grown map fill them. The branch sees the features detached: its
    loss trains it alone.

    Args:
        channels: of the map.
        bbox_coder: range and cells of the map, see :class:`GridOptions`.
        diffusion: which cells grow, see :class:`DiffusionOptions`.
        num_layers: encoder-decoder blocks behind.
        blocks: their residual blocks of each level, finest first.
        norm_cfg: of the batch normalizations.

    Raises:
        ConfigError: for other numbers of kernel sizes than of groups and background, or even ones.

    Source: SAFDNet (CVPR 2024), section 3.3; released code.
    """

    argument_objects = dict(bbox_coder=GridOptions, diffusion=DiffusionOptions)

    def __init__(self, channels: int, bbox_coder: dict | GridOptions,
                 diffusion: dict | DiffusionOptions, num_layers: int = 1,
                 blocks: Sequence[int] = (8, 4, 4), norm_cfg: dict | None = None) -> None:
        super().__init__()
        norm_cfg = norm_cfg or NORM
        grid = argument_object(self, 'bbox_coder', bbox_coder)
        self.grid = BEVGrid.from_voxels(grid.voxel_size, grid.point_cloud_range, grid.stride)
        self.options = argument_object(self, 'diffusion', diffusion)
        self.cls_unit = sparse_unit(channels, channels, 3, 'diffusion_3', 2, 'SubMConv', padding=1,
                                    norm_cfg=norm_cfg)
        self.cls_output = SubMConv2d(channels, len(self.options.groups), 1, bias=True)
        nn.init.constant_(self.cls_output.bias, RARE_BIAS)
        self.layers = nn.ModuleList(
            SparseEncoderDecoder(channels, blocks, f'diffusion{number}', 2, norm_cfg)
            for number in range(num_layers))

    def forward(self, cells: SparseConvTensor) -> tuple[SparseConvTensor, Diffusion]:
        """The grown map, its cells by sample, y, x; and what the branch said."""
        with full_precision(cells.features):  # spconv has no bfloat16
            logits = self.classify(cells)
            foreground = logits.detach().sigmoid() > self.options.threshold
            found = Diffusion(cells.indices, logits, foreground)
            cells = self.with_new_cells(cells, foreground)
            for layer in self.layers:
                cells = layer(cells)
        return cells, found

    def classify(self, cells: SparseConvTensor) -> Tensor:
        """Logit of each group for each cell, [N, groups]; reaches no feature backwards."""
        return self.cls_output(self.cls_unit(
            cells.replace_feature(cells.features.detach()))).features

    def with_new_cells(self, cells: SparseConvTensor, foreground: Tensor) -> SparseConvTensor:
        """The map with new cells of zeros around its own; ``foreground`` [N, groups] bool."""
        members = [*foreground.unbind(1), ~foreground.any(1)]
        return grown_map(cells, members, self.options.kernel_sizes)

    def losses(self, found: Diffusion, boxes: Sequence[Tensor],
               labels: Sequence[Tensor]) -> dict[str, Tensor]:
        """Loss of the branch and its recall for each group.

        Args:
            found: of :meth:`forward`.
            boxes: B x [n, >= 7] meters, LiDAR frame.
            labels: B x [n].
        """
        targets = diffusion_targets(found.coordinates, boxes, labels, self.grid,
                                    self.options.groups)
        return diffusion_losses(found.logits, found.foreground, targets)
