"""Files that hold a pre-trained encoder alone, and how a detector takes one."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparse3d.atomic_files import atomic_file, check_file_place, make_folder
from sparse3d.checkpoints.layer_versions import with_layer_versions
from sparse3d.checkpoints.open import a_few, open_checkpoint
from sparse3d.checkpoints.written import refuse_safetensors_name
from sparse3d.errors import CheckpointError
from sparse3d.version import __version__

VOXEL_PARTS = ('voxel_encoder', 'middle_encoder')
IMAGE_PART, DECODER = 'image_backbone', 'decoder'
# What detectors call their image backbone; a detector of points may have a `backbone` of its map.
IMAGE_PARTS = (IMAGE_PART, 'img_backbone', 'backbone')


@dataclass(frozen=True)
class LoadedEncoder:
    """What a detector took from a file.

    Attributes:
        path: the file.
        loaded: names of the detector's tensors that were set.
        fresh: tensors of the same parts that the file does not have; they stay as initialized.
        unused: tensors of the file that the detector has no place for.
        others: parts of the detector that the file is not about.
    """

    path: str
    loaded: Sequence[str]
    fresh: Sequence[str]
    unused: Sequence[str]
    others: Sequence[str]

    def __str__(self) -> str:
        parts = ', '.join(dict.fromkeys(name.split('.')[0] for name in self.loaded))
        told = (f'{self.path}: {len(self.loaded)} of {len(self.loaded) + len(self.fresh)} tensors '
                f'of {parts} loaded')
        if self.fresh:
            told += f'; as initialized there: {len(self.fresh)} ({a_few(list(self.fresh))})'
        if self.unused:
            told += f'; without a place here: {len(self.unused)} ({a_few(list(self.unused))})'
        if self.others:
            told += f'; as initialized: {", ".join(self.others)}'
        return told


def encoder_weights(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder among the tensors of a pre-training, as they are called in files.

    Args:
        weights: of voxels, or of an image backbone, whatever its name, and a decoder.
    """
    if any(name.split('.')[0] in VOXEL_PARTS for name in weights):
        return {name: value for name, value in weights.items()
                if name.split('.')[0] in VOXEL_PARTS}
    return {f'{IMAGE_PART}.{name.partition(".")[2]}': value for name, value in weights.items()
            if name.split('.')[0] != DECODER}


def write_encoder(weights: Mapping[str, Tensor], path: str | PathLike,
                  about: Mapping[str, Any]) -> Path:
    """Write the tensors of an encoder as a file of ``torch.save``.

    Args:
        weights: by names of :func:`encoder_weights`.
        path: ``*.pth``.
        about: plain data on where they come from, kept in the file's meta.
    """
    refuse_safetensors_name(path)
    check_file_place(path)
    content = dict(meta=dict(sparse3d_version=__version__, encoder=dict(about)),
                   state_dict={name: value.detach().cpu() for name, value in weights.items()})
    make_folder(Path(path).parent)
    with atomic_file(Path(path)) as stream:
        torch.save(content, stream)
    return Path(path)


def load_encoder(model: nn.Module, path: str | PathLike) -> LoadedEncoder:
    """Give a detector the encoder of a file; the rest of the detector stays as it is.

    Args:
        model: a detector, or a part of one under the detector's names.
        path: of :func:`write_encoder`, or any checkpoint whose names begin with
            ``voxel_encoder.``, ``middle_encoder.`` or ``image_backbone.``: a trained detector's
            own will do, and then its ``img_backbone.``, or ``backbone.`` of a camera model.

    Raises:
        CheckpointError: if the file holds no encoder or one of another model, or a tensor has
            another shape.
    """
    opened = open_checkpoint(path)
    state = model.state_dict()
    encoders = encoder_parts(opened.weights)
    named = {_name_in(state, name): value for name, value in opened.weights.items()
             if name.split('.')[0] in encoders}
    if not named:
        raise CheckpointError(f'{path} holds no encoder: none of its {len(opened.weights)} tensors '
                              f'is of {", ".join((*VOXEL_PARTS, *IMAGE_PARTS))}; give a file of '
                              f'"sparse3d pretrain" or a trained detector\'s checkpoint')
    fitting = {name: value for name, value in named.items() if name in state}
    if not fitting:
        raise CheckpointError(f'{path} holds an encoder of another model: none of its '
                              f'{len(named)} tensors ({a_few(list(named))}) has a place in '
                              f'{type(model).__name__}')
    _refuse_other_shapes(str(path), fitting, state)
    # Through the layers, which convert older layouts where they are not told that it is theirs.
    model.load_state_dict(with_layer_versions(model, fitting), strict=False)
    parts = {name.split('.')[0] for name in fitting}
    return LoadedEncoder(
        str(path), sorted(fitting),
        sorted(name for name in state if name.split('.')[0] in parts and name not in fitting),
        sorted(set(named) - set(fitting)),
        sorted({name.split('.')[0] for name, _ in model.named_parameters()} - parts))


def encoder_parts(weights: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Which parts of a checkpoint are encoders.

    Args:
        weights: by names. Beside voxels, or under another name of an image backbone, ``backbone``
            is not one of images: it is the network of the map, or of something else.
    """
    there = {name.split('.')[0] for name in weights}
    image = [part for part in IMAGE_PARTS[:2] if part in there]
    if not image and not there & set(VOXEL_PARTS):
        image = [part for part in IMAGE_PARTS[2:] if part in there]
    return (*(part for part in VOXEL_PARTS if part in there), *image[:1])


def _name_in(state: Mapping[str, Tensor], name: str) -> str:
    """A tensor's name in a detector; image backbones have several."""
    part, _, rest = name.partition('.')
    if part not in IMAGE_PARTS:
        return name
    names = (f'{each}.{rest}' for each in IMAGE_PARTS)
    return next((each for each in names if each in state), name)


def _refuse_other_shapes(path: str, weights: Mapping[str, Tensor],
                         state: Mapping[str, Tensor]) -> None:
    other = [name for name, value in weights.items() if value.shape != state[name].shape]
    if other:
        first = other[0]
        raise CheckpointError(
            f'{path}: {first} is {list(weights[first].shape)} there and '
            f'{list(state[first].shape)} in the model ({len(other)} tensors differ); pre-train '
            f'with the config that is fine-tuned, or leave pretrained_encoder out')
    broken = [name for name, value in weights.items()
              if value.is_floating_point() and not bool(value.isfinite().all())]
    if broken:
        raise CheckpointError(f'{path} holds NaN or infinity in {len(broken)} tensors '
                              f'({a_few(broken)}): the pre-training diverged')

