"""Published checkpoints turned into ours: what every plug-in's converter shares."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparse3d.atomic_files import atomic_file
from sparse3d.checkpoints.options import check_published_options
from sparse3d.checkpoints.reading import read_published
from sparse3d.errors import CheckpointError, ConfigError
from sparse3d.version import __version__

# Plug-in -> module with ``convert(published, config=None) -> Conversion``.
CONVERTERS = {
    'focalsconv': 'focalsconv.published_checkpoint',
    'sparsebev': 'sparsebev.published_checkpoint',
    'sparsefusion': 'sparsefusion.published_checkpoint',
    'voxelkp': 'voxelkp.published_checkpoint',
    'dsvt': 'dsvt.published_checkpoint',
}


@dataclass(frozen=True)
class Conversion:
    """Published weights under our names, and what they need to give the published outputs.

    Attributes:
        weights: the whole state dict of the detector that ``config`` describes.
        config: our config file these weights belong to, relative to the repository's root.
        options: dotted config keys that switch on the published quirks the weights were
            trained with; whoever opens the checkpoint, a training from it included, applies
            them. See :mod:`sparse3d.checkpoints.options` for what may stand there.
        notes: one sentence each on what a user should know.
    """

    weights: Mapping[str, Tensor]
    config: str
    options: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


def convert_checkpoint(plug_in: str, source: str | PathLike, target: str | PathLike,
                       config: str | None = None) -> Conversion:
    """Read a published checkpoint, convert it, and write ours.

    Args:
        plug_in: whose method it is; a key of ``CONVERTERS``.
        source: the published file (``.pth``, ``.pt``).
        target: where ours goes; nothing is written unless all of it converts.
        config: our config, where the weights alone do not tell which one.

    Raises:
        ConfigError: for a plug-in without a converter.
        CheckpointError: if the file cannot be read safely, or a tensor of it is
            unknown, misshapen or missing.
    """
    conversion = converter(plug_in)(read_published(source), config)
    options = check_published_options(conversion.options, f'the converter of {plug_in}')
    meta = dict(sparse3d_version=__version__, published=plug_in, config=conversion.config,
                config_options=options, notes=list(conversion.notes))
    with atomic_file(Path(target)) as stream:
        torch.save(dict(meta=meta, state_dict=conversion.weights), stream)
    return conversion


def converter(plug_in: str) -> Any:
    """The ``convert`` function of a plug-in.

    Raises:
        ConfigError: if there is none.
    """
    module = CONVERTERS.get(plug_in)
    if module is None or find_spec(module.partition('.')[0]) is None:
        near = get_close_matches(plug_in, CONVERTERS, n=1)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        raise ConfigError(f'there is no converter for {plug_in!r}{hint} '
                          f'(there are {", ".join(CONVERTERS)})')
    return import_module(module).convert


def refuse_unmatched(unknown: Sequence[str], missing: Sequence[str]) -> None:
    """Refuse a conversion that leaves something over.

    Args:
        unknown: published names that have no place in the model.
        missing: names of the model that got no value.

    Raises:
        CheckpointError: naming up to eight of each, if there are any.
    """
    parts = [f'{len(names)} {what} ({_first(names)})'
             for what, names in (('of its tensors are unknown to this model', unknown),
                                 ('tensors of this model are missing in it', missing)) if names]
    if parts:
        raise CheckpointError(f'the published checkpoint does not fit: {"; ".join(parts)}; '
                              f'name the config it was trained with (--config)')


def _first(names: Sequence[str], count: int = 8) -> str:
    return ', '.join(names[:count]) + (', ...' if len(names) > count else '')
