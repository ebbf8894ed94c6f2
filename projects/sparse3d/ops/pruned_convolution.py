"""Spatially pruned sparse convolution: outputs are computed where the input is strong.

``strong_voxels`` chooses, ``pruned_submanifold`` and ``pruned_downsampling`` convolve. A pruned
output drops its pairs, so that time falls with the share that is pruned; inputs are never dropped:
a strong voxel still sees its weak neighbors.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sparse3d.ops.cells import cell_keys, group_counts, order_of_keys, ranks_in_groups
from sparse3d.ops.sparse_convolution import sparse_convolution
from sparse3d.ops.sparse_pairs import PairTable


@dataclass(frozen=True)
class ConvolutionGeometry:
    """Kernel, stride, padding and dilation along each axis; kernels are odd."""

    kernel_size: Sequence[int]
    stride: Sequence[int]
    padding: Sequence[int]
    dilation: Sequence[int]

    @property
    def middle(self) -> list[int]:
        """Steps from the first position that an output reads to its own, along each axis."""
        return [step * (size // 2) for size, step in zip(self.kernel_size, self.dilation,
                                                         strict=True)]

    def output_shape(self, spatial_shape: Sequence[int]) -> list[int]:
        """Cells of the output along each axis."""
        return [(int(extent) + 2 * pad - step * (size - 1) - 1) // jump + 1
                for extent, size, jump, pad, step in zip(
                    spatial_shape, self.kernel_size, self.stride, self.padding, self.dilation,
                    strict=True)]


def magnitudes(features: Tensor) -> Tensor:  # [N, C] -> [N]
    """Mean absolute value over the channels, in float32 or more.

    Source: SPS-Conv (NeurIPS 2022), released code.
    """
    return features.to(torch.promote_types(features.dtype, torch.float32)).abs().mean(1)


def strong_voxels(
        strength: Tensor,       # [N]
        sample: Tensor,         # [N] integer
        batch_size: int,
        keep_ratio: float,
) -> Tensor:                    # [N] bool
    """All but the weakest voxels of each sample: of n voxels int(n * (1 - keep_ratio)) are weak.

    Equal voxels count in the order in which they stand.

    Args:
        strength: what voxels are compared by, such as :func:`magnitudes`.

    Source: SPS-Conv (NeurIPS 2022), released code.
    """
    sample = sample.long()
    by_strength = strength.detach().argsort(stable=True)
    order = by_strength[order_of_keys(sample[by_strength])]
    # 1 - 0.7 is not 0.3: the number would be off by one where it is a whole one.
    weak = (group_counts(sample, batch_size).double() * round(1 - keep_ratio, 12)).long()
    return ranks_in_groups(sample, batch_size, order) >= weak[sample]


def pruned_submanifold(
        features: Tensor,           # [N, C] floating
        strong: Tensor,             # [N] bool
        weight: Tensor,             # [C, *kernel, C]
        pairs: PairTable,           # of the submanifold convolution, N inputs and outputs
        bias: Tensor | None = None,  # [C]
) -> Tensor:                        # [N, C]
    """A submanifold convolution at the strong voxels; weak ones keep their features.

    Source: SPS-Conv (NeurIPS 2022), released code (SPSS-Conv).
    """
    rows = strong.nonzero().squeeze(1)
    found = sparse_convolution(features, weight, pairs.of_outputs(rows), bias)
    return features.to(found.dtype).index_copy(0, rows, found)


def pruned_downsampling(
        features: Tensor,           # [N, C] floating
        strong: Tensor,             # [N] bool
        weight: Tensor,             # [C_out, *kernel, C]
        pairs: PairTable,           # of the strided convolution, odd kernel
        bias: Tensor | None = None,  # [C_out]
) -> tuple[Tensor, PairTable]:      # [m, C_out]
    """A strided convolution whose weak voxels open no cell but their own.

    A cell is computed if a strong voxel lies in its window, or any voxel in the middle of it.

    Returns:
        features, and the pairs of the cells that are left.

    Source: SPS-Conv (NeurIPS 2022), released code (SPRS-Conv).
    """
    kept = pairs.of_outputs(opened_by_pairs(pairs, strong).nonzero().squeeze(1))
    return sparse_convolution(features, weight, kept, bias), kept


def opened_by_pairs(pairs: PairTable, strong: Tensor) -> Tensor:
    """Output cells that strong voxels, or a weak one in their middle, open; [N] -> [M] bool."""
    own = pairs.neighbors[pairs.num_offsets // 2] >= 0
    padded = torch.cat([strong, strong.new_zeros(1)])  # -1 reads the last
    return own | padded[pairs.neighbors.long()].any(0)


def opened_by_places(
        outputs: Tensor,            # [M, 1 + D] integer cells of the strided convolution
        coordinates: Tensor,        # [N, 1 + D] integer voxels
        strong: Tensor,             # [N] bool
        geometry: ConvolutionGeometry,
        spatial_shape: Sequence[int],
) -> Tensor:                        # [M] bool
    """What :func:`opened_by_pairs` gives, on any device and without pairs."""
    shape = geometry.output_shape(spatial_shape)
    axes = [torch.arange(size, device=outputs.device) * step for size, step in zip(
        geometry.kernel_size, geometry.dilation, strict=True)]
    offsets = torch.cartesian_prod(*axes).view(-1, len(axes))           # [K, D]
    voxels, chosen = coordinates.long(), coordinates[strong].long()
    reached = [torch.cat([chosen[:, :1], chosen[:, 1:] - offset], 1) for offset in offsets]
    middle = offsets.new_tensor(geometry.middle)
    reached.append(torch.cat([voxels[:, :1], voxels[:, 1:] - middle], 1))
    opened = _cells_at(torch.cat(reached), geometry, shape)
    return torch.isin(cell_keys(outputs.unbind(1), shape), opened)


def _cells_at(
        starts: Tensor,             # [P, 1 + D] sample, first position read less the padding
        geometry: ConvolutionGeometry,
        shape: Sequence[int],
) -> Tensor:                        # [Q] keys of the output cells that begin there
    shifted = starts[:, 1:] + starts.new_tensor(list(geometry.padding))
    stride, extent = (starts.new_tensor(list(numbers)) for numbers in (geometry.stride, shape))
    cells = shifted.div(stride, rounding_mode='floor')
    there = ((cells * stride == shifted) & (cells >= 0) & (cells < extent)).all(1)
    return cell_keys((starts[there, 0], *cells[there].unbind(1)), shape).unique()
