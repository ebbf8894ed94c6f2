"""Published checkpoints turned into ours: what every plug-in's converter shares."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparse3d.atomic_files import atomic_file, check_file_place, make_folder, refuse_same_file
from sparse3d.checkpoints.options import PLACE, check_published_options
from sparse3d.checkpoints.reading import read_published
from sparse3d.checkpoints.written import refuse_safetensors_name
from sparse3d.errors import CheckpointError, ConfigError
from sparse3d.plugins import load, near, plugins
from sparse3d.version import __version__


@dataclass(frozen=True)
class Conversion:
    """Published weights under our names, and what they need to give the published outputs.

    Attributes:
        weights: the whole state dict of the detector that ``config`` describes.
        config: our config file these weights belong to, relative to the repository's root.
        published: fields of the plug-in's :class:`~sparse3d.published.PublishedSet` that
            the weights were trained with; whoever opens the checkpoint, a training from it
            included, gives the model this set.
        notes: one sentence each on what a user should know.
    """

    weights: Mapping[str, Tensor]
    config: str
    published: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The config options that go with the weights: their set of published quirks."""
        return {PLACE: dict(self.published)} if self.published else {}


def convert_checkpoint(plug_in: str, source: str | PathLike, target: str | PathLike,
                       config: str | None = None) -> Conversion:
    """Read a published checkpoint, convert it, and write ours.

    Args:
        plug_in: name of an installed plug-in that has a converter.
        source: the published file (``.pth``, ``.pt``).
        target: where ours goes; nothing is written unless all of it converts.
        config: our config, where the weights alone do not tell which one.

    Raises:
        ConfigError: for a plug-in without a converter.
        CheckpointError: if the file cannot be read safely, or a tensor of it is
            unknown, misshapen or missing.
    """
    refuse_safetensors_name(target)
    check_file_place(target)
    refuse_same_file(source, target)
    conversion = converter(plug_in)(read_published(source), config)
    refuse_broken(conversion.weights, str(source))
    options = check_published_options(conversion.options, f'the converter of {plug_in}', plug_in)
    meta = dict(sparse3d_version=__version__, published=plug_in, config=conversion.config,
                config_options=options, notes=list(conversion.notes))
    make_folder(Path(target).parent)
    with atomic_file(Path(target)) as stream:
        torch.save(dict(meta=meta, state_dict=conversion.weights), stream)
    return conversion


def refuse_broken(weights: Mapping[str, Tensor], path: str) -> None:
    """Refuse weights of which no detector would find anything.

    Raises:
        CheckpointError: naming the tensors with NaN; or if all are zero.
    """
    from sparse3d.checkpoints.open import refuse_zeros
    broken = [name for name, value in weights.items()
              if value.is_floating_point() and bool(value.isnan().any())]
    if broken:
        raise CheckpointError(f'{path} holds NaN in {len(broken)} of its {len(weights)} tensors '
                              f'({_first(broken, 3)}): the training that wrote it diverged')
    refuse_zeros(weights, path)


def converter(plug_in: str) -> Any:
    """The ``convert`` function of a plug-in: ``(published, config=None) -> Conversion``.

    Raises:
        ConfigError: if there is none.
        PluginError: if it cannot be imported.
    """
    offered = {name: owner.convert for name, owner in plugins().items() if owner.convert}
    if plug_in not in offered:
        raise ConfigError(f'there is no converter for {plug_in!r}{near(plug_in, offered)}')
    return load(offered[plug_in])


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
