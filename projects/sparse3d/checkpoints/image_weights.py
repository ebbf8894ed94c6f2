"""Weights of a trained image detector for the image part of a detector that has one."""
from __future__ import annotations

from collections.abc import Mapping, Set

import torch
from torch import Tensor, nn

from sparse3d.errors import CheckpointError

IMAGE_PARTS = {'backbone.': 'image_backbone.', 'neck.': 'image_neck.',
               'img_backbone.': 'image_backbone.', 'img_neck.': 'image_neck.'}


def load_image_parts(model: nn.Module, weights: Mapping[str, Tensor]) -> int:
    """Load ``image_backbone`` and ``image_neck`` of a model; return the number of tensors.

    Args:
        weights: of any 2D detector of mmdet (``backbone.``, ``neck.``), or of a 3D detector with
            images (``img_backbone.``, ``img_neck.``, which are preferred).

    Raises:
        CheckpointError: if a tensor lacks or does not fit.
    """
    prefix_of = {name: prefix for name in weights for prefix in IMAGE_PARTS
                 if name.startswith(prefix)}
    if any(prefix.startswith('img_') for prefix in prefix_of.values()):
        prefix_of = {name: prefix for name, prefix in prefix_of.items()
                     if prefix.startswith('img_')}
    found = {IMAGE_PARTS[prefix] + name.removeprefix(prefix): weights[name]
             for name, prefix in prefix_of.items()}
    wanted = {name for name in model.state_dict() if name.startswith(('image_backbone.',
                                                                      'image_neck.'))}
    return load_part(model, {name: found[name] for name in wanted & set(found)}, wanted,
                     'the images')


def load_part(model: nn.Module, weights: Mapping[str, Tensor], wanted: Set[str],
              what: str) -> int:
    """Copy weights into a part of a model; return their number.

    Args:
        weights: by the model's names.
        wanted: names of the part.
        what: the part, for the error.

    Raises:
        CheckpointError: if a tensor lacks or does not fit.
    """
    missing = sorted(name for name in wanted - set(weights)
                     if not name.endswith('num_batches_tracked'))
    state = model.state_dict()
    misshapen = sorted(name for name in weights if weights[name].shape != state[name].shape)
    if missing or misshapen:
        shown = ', '.join((missing + misshapen)[:6])
        raise CheckpointError(f'the file with the weights of {what} does not fit the config: '
                              f'{len(missing)} tensors are missing and {len(misshapen)} have '
                              f'another shape ({shown})')
    with torch.no_grad():
        for name, value in weights.items():
            state[name].copy_(value)
    return len(weights)
