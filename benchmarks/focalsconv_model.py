"""Focals Conv's encoders, importance losses included, beside the released way."""
from __future__ import annotations

import torch
from torch import Tensor

from sparse3d_benchmarks import focalsconv
from sparse3d_benchmarks.focalsconv_encoder import KITTI, EncoderInputs, encoder_inputs
from sparse3d_benchmarks.released_convolutions import NOTE, for_spconv, released_convolutions
from sparse3d_benchmarks.side_by_side import SideBySide

MOST_REPEATS, SAMPLES = 5, 2


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for the encoder with focal layers, from voxels to map and losses."""
    return comparison().rows(min(repeats, MOST_REPEATS))


def comparison(samples: int = SAMPLES) -> SideBySide:
    """The KITTI encoder on clouds of the camera's field of view, random weights."""
    features, coordinates, source = focalsconv.voxels()
    kept = coordinates[:, 0] < samples
    boxes = focalsconv.LayerInputs(features, coordinates).boxes[:samples]
    inputs = encoder_inputs(features[kept], coordinates[kept], boxes, KITTI)
    for encoder in (inputs.focal, inputs.published):
        for_spconv(encoder)

    def original() -> Tensor:
        with released_convolutions():
            return outputs_of(inputs, inputs.published)

    note = (f'{int(kept.sum()):,} voxels of {source}, batch {samples}; released: loops over '
            f'samples and tables of all boxes, {NOTE}')
    leaves = [*inputs.focal.parameters(), *inputs.published.parameters()]
    return SideBySide('Focals Conv encoder', lambda: outputs_of(inputs, inputs.focal), original,
                      leaves, note)


def outputs_of(inputs: EncoderInputs, encoder: torch.nn.Module) -> Tensor:
    """The map, with gradients the importance losses behind it."""
    bev, encoded = encoder.encode(inputs.features, inputs.coordinates, len(inputs.boxes))
    if not torch.is_grad_enabled():
        return bev.flatten()
    losses = encoder.auxiliary_losses(encoded, inputs.boxes)
    return torch.cat([bev.flatten(), torch.stack(list(losses.values())).flatten()])
