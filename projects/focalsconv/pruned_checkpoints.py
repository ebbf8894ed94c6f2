"""Released SPS-Conv weights: OpenPCDet's CenterPoint on nuScenes with pruned convolutions.

The release wraps each pruned convolution as ``conv_block`` and names the parts of a down-sampling;
apart from that its names are those of OpenPCDet's dense encoders, and so is all behind the encoder.
Convolutions in residual blocks have a bias that weak voxels do not get: it stays a bias.
"""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from torch import Tensor

from focalsconv.baseline_checkpoints import convert as convert_baseline
from sparse3d.checkpoints import Conversion
from sparse3d.errors import CheckpointError

# Share of the voxels that submanifold layers keep -> our config.
CONFIGS = {0.5: 'spsconv_centerpoint_keep50_nuscenes', 0.7: 'spsconv_centerpoint_keep70_nuscenes'}
QUIRKS = dict(skip_index_zero=True, center_on_even=True, colliding_keys=True)
UNITS = {'conv.conv_block': '0', 'bn1': '1'}


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """A released detector as one of ours.

    Args:
        published: the bare state dict.
        config: our config; the weights do not tell how much was pruned.

    Raises:
        CheckpointError: if it is none of SPS-Conv's CenterPoints, the config is not named, or a
            tensor is unknown, misshapen or missing.
    """
    if not any('.conv_block.' in name for name in published):
        raise CheckpointError('the published checkpoint has no pruned convolutions (no name with '
                              '.conv_block.); baselines without them: convert-checkpoint baselines')
    if not any(name.startswith('dense_head.heads_list.') for name in published):
        raise CheckpointError('the published checkpoint has pruned convolutions and no center '
                              'head; of SPS-Conv only CenterPoint on nuScenes was released')
    if config is None:
        choices = ' or '.join(f'--config {name} ({keep:.0%} kept)' for keep, name
                              in CONFIGS.items())
        raise CheckpointError('the weights of SPS-Conv do not tell how many voxels its submanifold '
                              f'layers keep; name the config: {choices}')
    done = convert_baseline(dense_names(published), config)
    return dataclasses.replace(done, published=QUIRKS)


def dense_names(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of OpenPCDet's dense encoders."""
    units = {found[1] for found in (re.fullmatch(r'(.+)\.conv\.conv_block\.weight', name)
                                    for name in published) if found}
    return {_dense_name(name, units): value for name, value in published.items()}


def _dense_name(name: str, units: set[str]) -> str:
    """A unit is a convolution and a normalization; residual blocks have names of their own."""
    for part, number in UNITS.items():
        unit, there, rest = name.partition(f'.{part}.')
        if there and unit in units:
            return f'{unit}.{number}.{rest}'
    return name.replace('.conv_block.', '.')
