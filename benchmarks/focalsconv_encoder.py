"""Whole encoders with focal layers, ours and computed as published, beside the plain encoder."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from spconv.pytorch import SparseConvTensor
from torch import Tensor

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from focalsconv.focal_sparse_convolution import FocalSparseConvolution
from focalsconv.focal_sparse_encoder import EncodedVoxels, FocalSparseEncoder
from focalsconv.importance import Importance
from sparse3d_benchmarks.focalsconv_loop import dilate_in_a_loop, importance_loss_in_a_loop
from sparse3d_benchmarks.peak_memory import resident_mebibytes

KITTI = dict(in_channels=4, sparse_shape=[41, 1600, 1408], voxel_size=[0.05, 0.05, 0.1],
             point_cloud_range=[0, -40, -3, 70.4, 40, 1])
NUSCENES = dict(in_channels=5, sparse_shape=[41, 1440, 1440], voxel_size=[0.075, 0.075, 0.2],
                point_cloud_range=[-54, -54, -5, 54, 54, 3], block_type='basicblock',
                encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
                encoder_paddings=((1, 1, 1), (1, 1, 1), (1, 1, (0, 1, 1)), (1, 1)))
FOCAL = dict(focal=dict(stages=(1, 2, 3), mask_multi=True),
             published=dict(skip_index_zero=True, corners=True))


@dataclass
class EncoderInputs:
    """One batch and three encoders of equal weights where they share layers.

    Attributes:
        focal: ours; released: the same, grown and supervised in loops over the samples;
        plain: without focal layers.
    """

    features: Tensor
    coordinates: Tensor
    boxes: list[Tensor]
    focal: FocalSparseEncoder
    published: FocalSparseEncoder
    plain: FocalSparseEncoder

    def forward(self, encoder: FocalSparseEncoder, dtype: torch.dtype | None = None) -> Tensor:
        """The map, without gradients."""
        with torch.no_grad(), _cast(self.features.device.type, dtype):
            return encoder(self.features, self.coordinates, len(self.boxes))

    def step(self, encoder: FocalSparseEncoder, dtype: torch.dtype | None = None) -> None:
        """Map, importance losses and gradients."""
        encoder.zero_grad(set_to_none=True)
        with _cast(self.features.device.type, dtype):
            bev, encoded = encoder.encode(self.features, self.coordinates, len(self.boxes))
        losses = encoder.auxiliary_losses(encoded, self.boxes)
        (bev.float().square().mean() + sum(losses.values())).backward()

    def sizes(self, encoder: FocalSparseEncoder) -> str:
        """Voxels after each stage."""
        with torch.no_grad():
            _, encoded = encoder.encode(self.features, self.coordinates, len(self.boxes))
        return ' '.join(f'{len(stage.features):,}' for stage in encoded.stages)


def encoder_inputs(features: Tensor, coordinates: Tensor, boxes: list[Tensor], grid: dict,
                   device: str = 'cpu') -> EncoderInputs:
    """Random encoders for a batch on a device."""
    torch.manual_seed(0)
    focal = FocalSparseEncoder(**grid, **FOCAL)
    published = LoopEncoder(**grid, **FOCAL)
    plain = FocalSparseEncoder(**grid, focal=dict(stages=()))
    published.load_state_dict(focal.state_dict())
    plain.load_state_dict(focal.state_dict(), strict=False)
    return EncoderInputs(features.to(device), coordinates.to(device),
                         [of_sample.to(device) for of_sample in boxes],
                         *(each.to(device) for each in (focal, published, plain)))


class LoopEncoder(FocalSparseEncoder):
    """The encoder with everything but its convolutions computed as published."""

    def __init__(self, **settings) -> None:
        super().__init__(**settings)
        for layer in self.focal_layers.values():
            layer.__class__ = _LoopLayer

    def auxiliary_losses(self, auxiliary: EncodedVoxels,
                         gt_boxes: list[Tensor]) -> dict[str, Tensor]:
        """Importance losses with a table of all voxels and boxes of a sample."""
        return {f'loss_importance_stage{stage}': importance_loss_in_a_loop(
                    importance.logits, self.voxel_positions(stage, importance.coordinates),
                    importance.coordinates, gt_boxes)
                for stage, importance in auxiliary.importance.items()}


class _LoopLayer(FocalSparseConvolution):
    """Grows the samples one after the other, with rounded sort keys."""

    def dilate(self, voxels: SparseConvTensor,
               importance: Importance) -> tuple[Tensor, Tensor, Tensor]:
        cells, values = dilate_in_a_loop(voxels.features, voxels.indices, importance.logits,
                                         self.offsets, voxels.spatial_shape, voxels.batch_size)
        return cells, values.to(voxels.features.dtype), voxels.indices.new_zeros(0).long()


def encoder_rows(inputs: EncoderInputs, where: str, repeats: int, measure: Callable,
                 peak_mebibytes: Callable[[Callable], float],
                 dtypes: tuple[torch.dtype | None, ...] = (None, )) -> list[dict]:
    """Rows for forward, training step and peak memory; the baseline is the released way."""
    note = (f'{where}; baseline: released way; voxels by stage {inputs.sizes(inputs.focal)}, '
            f'plain {inputs.sizes(inputs.plain)}; random weights')
    rows = []
    for dtype in dtypes:
        name = '' if dtype is None else f', {str(dtype).removeprefix("torch.")}'
        for what, run in (('forward', inputs.forward), ('training step', inputs.step)):
            ours, theirs, plain = (
                measure(lambda run=run, each=each, dtype=dtype: run(each, dtype), repeats, 1)
                for each in (inputs.focal, inputs.published, inputs.plain))
            rows.append(dict(
                name=f'encoder, {what}{name}', value=ours.milliseconds, unit='ms',
                baseline=theirs.milliseconds, ratio=theirs.median / ours.median,
                note=f'{note}; plain encoder {plain.milliseconds:,.0f} ms'))
    for name, measured in (('peak memory', peak_mebibytes),
                           ('memory of the process', resident_mebibytes)):
        ours, theirs, plain = (measured(lambda each=each: inputs.step(each))
                               for each in (inputs.focal, inputs.published, inputs.plain))
        if ours is not None and (measured is peak_mebibytes or _on_cpu(inputs)):
            rows.append(dict(name=f'encoder, training step, {name}', value=ours, unit='MiB',
                             baseline=theirs, ratio=theirs / ours if ours else None,
                             note=f'{note}; plain encoder {plain:,.0f} MiB'))
    return rows


def _on_cpu(inputs: EncoderInputs) -> bool:
    return inputs.features.device.type == 'cpu'


def _cast(device: str, dtype: torch.dtype | None):
    return nullcontext() if dtype is None else torch.autocast(device, dtype=dtype)
