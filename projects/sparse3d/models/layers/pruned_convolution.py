"""Sparse convolutions that compute only where their input is strong: SPSS-Conv and SPRS-Conv.

:func:`prune_convolutions` turns the convolutions of any sparse encoder into these, in place: names
and shapes of all weights stay, so that a dense checkpoint is the start and the result loads back.
On the CPU the pruned pairs are left out and time falls with them. On a GPU the library convolves
everything and the result is cut: later layers have fewer voxels, the layer itself saves nothing.
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from spconv.pytorch import SparseConvTensor
from spconv.pytorch.conv import SparseConvolution
from torch import Tensor, nn

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.compat.sparse_backends import sparse_backend
from sparse3d.compat.spconv_cpu import CpuIndiceData, indice_data, output_tensor
from sparse3d.errors import ConfigError
from sparse3d.ops.pruned_convolution import (
    ConvolutionGeometry,
    magnitudes,
    opened_by_places,
    pruned_downsampling,
    pruned_submanifold,
    strong_voxels,
)
from sparse3d.ops.pruned_edges import dilated_voxels
from sparse3d.ops.pruning_options import PruningOptions


@dataclass(frozen=True)
class Strength:
    """What a pruned layer knows of its voxels: features to convolve, and which are strong."""

    features: Tensor    # [N, C]
    order: Tensor       # [N] int64, weakest first; with a threshold as they stand
    strong: Tensor      # [N] bool


class PrunedConvolution(SparseConvolution):
    """What the two pruned convolutions share; made by :func:`prune_convolutions`.

    Attributes:
        pruning: see :class:`PruningOptions`; ``keep_ratio`` of this layer.
        progress: how much of the pruning is done, 0 to 1; see
            :class:`~sparse3d.engine.hooks.pruning_ramp.PruningRampHook`.
    """

    pruning: PruningOptions
    keep_ratio: float
    progress: float = 1.0

    def strength_of(self, voxels: SparseConvTensor) -> Strength:
        """Weigh the features and choose the strong voxels.

        Voxels are ranked by their mean magnitude and not by its sigmoid, which is 1 in float32
        from about 17 on: the same order without the ties.
        """
        options, found = self.pruning, magnitudes(voxels.features)
        weighted = voxels.features
        if options.importance == 'sigmoid':
            weighted = weighted * found.sigmoid().to(weighted.dtype).unsqueeze(1)
        ranked = found.detach()
        if options.choice == 'random':
            drawn = torch.rand(len(found), generator=torch.Generator().manual_seed(len(found)))
            ranked = drawn.to(found.device)
        if options.threshold is not None:
            strong = found.detach().sigmoid() > options.threshold
            return Strength(weighted, torch.arange(len(found), device=found.device), strong)
        keep = 1 - (1 - self.keep_ratio) * self.progress
        strong = strong_voxels(ranked, voxels.indices[:, 0], voxels.batch_size, keep)
        return Strength(weighted, ranked.argsort(stable=True), strong)

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is pruned, whatever the voxels; known without asking the device."""
        return self.pruning.threshold is None and (1 - self.keep_ratio) * self.progress == 0

    @property
    def geometry(self) -> ConvolutionGeometry:
        """Sizes along each axis."""
        return ConvolutionGeometry(*([int(number) for number in numbers] for numbers in (
            self.kernel_size, self.stride, self.padding, self.dilation)))

    def extra_repr(self) -> str:
        return f'{super().extra_repr()}, keep_ratio={self.keep_ratio}'


class PrunedSubmanifold(PrunedConvolution):
    """SPSS-Conv: a submanifold convolution at strong voxels; weak ones keep their features.

    Source: SPS-Conv (NeurIPS 2022), released code.
    """

    def forward(self, input: SparseConvTensor,
                add_input: SparseConvTensor | None = None) -> SparseConvTensor:
        """New features on the same voxels."""
        given = self.strength_of(input)
        weighted = input.replace_feature(given.features)
        if add_input is not None or self.keeps_all:
            return super().forward(weighted, add_input)
        if not _has_our_pairs(input):
            found = super().forward(weighted)
            return found.replace_feature(torch.where(
                given.strong[:, None], found.features, given.features.to(found.features.dtype)))
        data = indice_data(self, weighted)
        return output_tensor(self, weighted, pruned_submanifold(
            given.features, given.strong, self.weight, data.pairs, self.bias), data)


class PrunedDownsampling(PrunedConvolution):
    """SPRS-Conv: a strided convolution whose weak voxels open no cell but their own.

    The cell of a voxel is the one in whose window it lies in the middle. With
    ``pruning.center_on_even`` the middle of cell o is 2 o whatever the padding, which then says
    only how many cells there are, as published.

    Source: SPS-Conv (NeurIPS 2022), released code.
    """

    def forward(self, input: SparseConvTensor,
                add_input: SparseConvTensor | None = None) -> SparseConvTensor:
        """Features on coarser voxels."""
        given = self.strength_of(input)
        if self.pruning.as_published:
            return self._as_published(input, given)
        weighted = input.replace_feature(given.features)
        if self.keeps_all:
            return super().forward(weighted, add_input)
        if _has_our_pairs(input):
            data = indice_data(self, weighted)
            features, pairs = pruned_downsampling(given.features, given.strong, self.weight,
                                                  data.pairs, self.bias)
            return output_tensor(self, weighted, features, CpuIndiceData(self, weighted, pairs))
        found = super().forward(weighted)
        opened = opened_by_places(found.indices, input.indices, given.strong, self.geometry,
                                  input.spatial_shape)
        return self._cut(input, found, opened, found.spatial_shape)

    def _as_published(self, input: SparseConvTensor, given: Strength) -> SparseConvTensor:
        geometry, options = self.geometry, self.pruning
        strong = given.strong[given.order]
        features, cells = dilated_voxels(
            given.features, input.indices, given.order[strong], given.order[~strong],
            geometry.kernel_size, input.spatial_shape, options.skip_index_zero,
            options.colliding_keys)
        voxels = SparseConvTensor(features, cells, input.spatial_shape, input.batch_size)
        shape = geometry.output_shape(input.spatial_shape)
        if options.center_on_even:
            geometry = replace(geometry, padding=geometry.middle)
        found = self._convolved(voxels, geometry)
        rows = found.indices.long()
        own = opened_by_places(found.indices, cells, given.strong.new_zeros(len(cells)), geometry,
                               input.spatial_shape)
        inside = (rows[:, 1:] < rows.new_tensor(shape)).all(1)
        if options.skip_index_zero:
            inside &= (rows[:, 1:] > 0).all(1)
        return self._cut(input, found, own & inside, shape)

    def _convolved(self, voxels: SparseConvTensor,
                   geometry: ConvolutionGeometry) -> SparseConvTensor:
        """The plain strided convolution, with another padding."""
        padding, self.padding = self.padding, list(geometry.padding)
        try:
            return super().forward(voxels)
        finally:
            self.padding = padding

    def _cut(self, input: SparseConvTensor, found: SparseConvTensor, rows: Tensor,
             shape: Sequence[int]) -> SparseConvTensor:
        """Some voxels of a result. No inverse convolution can go back from there."""
        kept = SparseConvTensor(found.features[rows], found.indices[rows].contiguous(),
                                list(shape), input.batch_size)
        kept.indice_dict = dict(input.indice_dict)
        return kept


def prune_convolutions(encoder: nn.Module, options: PruningOptions) -> list[str]:
    """Turn the convolutions of a sparse encoder into pruned ones, in place.

    Pruned are submanifold convolutions whose widths are equal, and strided ones whose kernel
    reaches around along all axes (so not the last compression of z), both with odd kernels. The
    first convolution stays, and so do down-samplings that an inverse convolution undoes, and the
    parts that the encoder's class names in ``not_pruned``.

    Returns:
        names of the pruned layers.

    Raises:
        ConfigError: if no layer can be pruned, or ratios are given for another number of layers.
    """
    layers = dict(_candidates(encoder))
    for kind, ratio in ((PrunedSubmanifold, 'submanifold_keep_ratio'),
                        (PrunedDownsampling, 'downsampling_keep_ratio')):
        chosen = [layer for layer in layers.values() if (kind is PrunedSubmanifold) == layer.subm]
        for layer, keep in zip(chosen, _ratios(options, ratio, len(chosen)), strict=True):
            layer.__class__ = kind
            layer.pruning, layer.keep_ratio = options, keep
            if layer.subm and options.submanifold_bias and layer.bias is None:
                layer.bias = nn.Parameter(torch.zeros(layer.out_channels))
    if not layers:
        raise ConfigError(f'{type(encoder).__name__} has no sparse convolution that could be '
                          f'pruned; leave out middle_encoder.pruning')
    return list(layers)


def _candidates(encoder: nn.Module) -> Iterator[tuple[str, SparseConvolution]]:
    convolutions = [(name, layer) for name, layer in encoder.named_modules()
                    if isinstance(layer, SparseConvolution)]
    undone = {layer.indice_key for _, layer in convolutions if layer.inverse}
    left_alone = tuple(f'{part}.' for part in getattr(encoder, 'not_pruned', ()))
    for name, layer in convolutions[1:]:
        odd = all(size % 2 for size in layer.kernel_size)
        if name.startswith(left_alone) or layer.inverse or layer.transposed or not odd:
            continue
        if layer.subm:
            if layer.in_channels == layer.out_channels and max(layer.kernel_size) > 1:
                yield name, layer
        elif min(layer.kernel_size) > 1 and max(layer.stride) > 1 \
                and layer.indice_key not in undone:
            yield name, layer


def _ratios(options: PruningOptions, name: str, count: int) -> Sequence[float]:
    ratios = getattr(options, name)
    if not isinstance(ratios, Sequence):
        return [float(ratios)] * count
    if len(ratios) != count:
        raise ConfigError(f'pruning.{name} has {len(ratios)} ratios and the encoder {count} such '
                          f'layers; give one number, or one for each layer')
    return ratios


def _has_our_pairs(voxels: SparseConvTensor) -> bool:
    return sparse_backend(voxels.features.device) == 'ours'
