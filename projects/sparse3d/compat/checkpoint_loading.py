"""Checkpoints of mmengine read by PyTorch's safe loader, wherever they come from.

Wrong upstream (mmengine 0.10.7 with torch 2.4 to 2.13): ``torch.load`` admits only weights by
default, and mmengine cannot read back or resume its own checkpoints, whose message hub holds
``HistoryBuffer`` objects (with ``getattr`` of their statistics), NumPy arrays and scalars.
A checkpoint from an address (``https://``, ``torchvision://``, ``openmmlab://``, ``mmcls://``)
goes through ``torch.hub`` instead, which unpickles with full power. And texts of configs in a
checkpoint are run as programs, by ``Runner.resume`` and by the inferencers.

Repair: every scheme goes through :func:`load_checkpoint_file`, the safe loader with
``HistoryBuffer`` and the stand-ins of :mod:`sparse3d.safe_pickle` for NumPy's callables;
``getattr`` only looks up a statistic of ``HistoryBuffer``. A file that asks for anything else,
or is damaged, is refused in one sentence. Config texts that are more than data are left out
(:mod:`sparse3d.stored_config`). The safe loader is never switched off. What a converted checkpoint
needs beside its weights, and mmengine does not apply, is said.
"""
from __future__ import annotations

import os
import pickle
import re
import sys
import warnings
import zipfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import checkpoint

from sparse3d.atomic_files import make_folder
from sparse3d.errors import CheckpointError, Sparse3DWarning
from sparse3d.first_bytes import other_kind_of
from sparse3d.nested_tuples import FEW, with_room
from sparse3d.no_checkpoint import archive_kind, no_checkpoint
from sparse3d.safe_pickle import CONSTRUCTORS, NUMPY_CONSTRUCTORS, reading, refuse, with_numpy
from sparse3d.stored_config import leave_out_programs

STATISTICS = ('min', 'max', 'current', 'mean')
# Of PyTorch's own list, with bounds: these take a size, or what they make has one.
BOUNDED = (('builtins', 'bytearray'), ('builtins', 'set'), ('_codecs', 'encode'))
MODULES = ('torch.nn.modules.', 'torchvision.models.', 'timm.', 'mmdet', 'spconv.')
READ = 'only weights, plain containers, NumPy values and HistoryBuffer are read'


class _OtherArchive(Exception):
    """A zip archive that ``torch.save`` has not written; says which."""


class _SafeTorch:
    """The module ``torch`` for mmengine's loaders, whose ``load`` is ours."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def load(file: Any, map_location: Any = None, **_: Any) -> Any:
        return load_checkpoint_file(file, map_location)


def apply_patch() -> None:
    """Give the safe loader mmengine's own types, and every scheme the safe loader."""
    torch.serialization.add_safe_globals(admitted_types())
    own_list = getattr(torch._weights_only_unpickler, '_get_allowed_globals', dict)()
    own_list.update({'.'.join(name): CONSTRUCTORS[name] for name in BOUNDED
                     if '.'.join(name) in own_list})
    checkpoint.torch = _SafeTorch()
    upstream_url = checkpoint.load_url
    for name, module in list(sys.modules.items()):  # where it was imported by name before
        if name.startswith('mm') and vars(module).get('load_url') is upstream_url:
            module.load_url = load_from_address
    upstream = checkpoint.CheckpointLoader.load_checkpoint
    if not hasattr(upstream, 'upstream'):
        checkpoint.CheckpointLoader.load_checkpoint = classmethod(_named(upstream.__func__))


def admitted_types() -> list:
    """What a checkpoint of mmengine holds beside tensors and plain containers."""
    return [HistoryBuffer, (_statistic, 'builtins.getattr'),
            *((stand_in, '.'.join(name)) for name, stand_in in NUMPY_CONSTRUCTORS.items())]


def load_checkpoint_file(file: Any, map_location: Any = None, all_texts: bool = False) -> Any:
    """Read a file of ``torch.save`` with PyTorch's safe loader.

    Args:
        file: path, or an open file.
        map_location: see ``torch.load``.
        all_texts: keep texts of configs that are more than data, too; nobody may run them.

    Returns:
        The content; NumPy's values as NumPy's own types.

    Raises:
        CheckpointError: if it is damaged or holds anything that is not read.
        FileNotFoundError: if there is none.
    """
    name = 'the checkpoint' if hasattr(file, 'read') else str(file)
    size = _size(file)
    with reading(size) as made:
        try:
            tuples = _check_parts(file, size)

            def load() -> Any:
                content = torch.load(file, map_location=map_location, weights_only=True)
                if made.stand_ins or tuples > FEW:
                    content = with_numpy(content, owners=(HistoryBuffer, ))
                return content

            content = with_room(tuples, load)
        except FileNotFoundError:
            raise
        except Exception as error:  # a damaged file can raise nearly everything
            if other := other_kind_of(file):
                raise CheckpointError(f'{name} is no checkpoint: {other}') from error
            if isinstance(error, _OtherArchive):
                raise CheckpointError(f'{name} is no checkpoint: {error}') from error
            if asked := made.refusal or _asked(error):
                raise CheckpointError(f'{name} is refused: {asked}; {READ}') from error
            raise CheckpointError(f'{name} cannot be read, it is damaged or no checkpoint '
                                  f'({size:,} bytes): {no_checkpoint(file)}') from error
    return content if all_texts else leave_out_programs(content)


def load_from_address(url: str, model_dir: str | None = None, map_location: Any = None,
                      progress: bool = True, check_hash: bool = False,
                      file_name: str | None = None) -> Any:
    """Read a checkpoint from an address, kept in torch's cache; as ``torch.hub`` but safely.

    Raises:
        CheckpointError: as :func:`load_checkpoint_file`; or if it cannot be fetched.
    """
    folder = Path(model_dir or Path(torch.hub.get_dir()) / 'checkpoints')
    make_folder(folder)
    path = folder / Path(file_name or urlparse(url).path).name
    if not path.is_file():
        match = torch.hub.HASH_REGEX.search(path.name) if check_hash else None
        try:
            torch.hub.download_url_to_file(url, str(path), match and match[1], progress=progress)
        except (OSError, RuntimeError, ValueError) as error:
            raise CheckpointError(f'{url} cannot be fetched: {_first_line(error)}') from error
    return load_checkpoint_file(path, map_location)


def _statistic(owner: type, name: str) -> Callable:
    """Stands in for ``getattr`` in a checkpoint; gives the statistics of HistoryBuffer only."""
    if owner is not HistoryBuffer or name not in STATISTICS:
        refuse(f'it asks for GLOBAL getattr of {owner}, {name}')
    return getattr(HistoryBuffer, name)


def _named(upstream):
    @wraps(upstream)
    def load_checkpoint(cls, filename, map_location=None, logger='current') -> Any:
        try:
            content = upstream(cls, str(filename), map_location, logger)
        except KeyError as error:  # torchvision://, openmmlab:// and a name that is not listed
            raise CheckpointError(f'{filename} is not known: {error}') from error
        _tell_options(content, str(filename))
        return content

    load_checkpoint.upstream = upstream
    return load_checkpoint


def _tell_options(content: Any, path: str) -> None:
    """Say what a converted checkpoint brings that mmengine, which loads it, takes no notice of.

    Sparse3D's own commands open files themselves; addresses they open here.
    """
    meta = content.get('meta') if isinstance(content, dict) else None
    options = meta.get('config_options') if isinstance(meta, dict) else None
    if isinstance(options, dict) and options and '://' not in path:
        warnings.warn(f'{path} gives its published outputs with the config options '
                      f'{", ".join(map(str, options))}, which are not applied here (init_cfg, an '
                      f'inferencer of mmdet3d): name it in load_from, or set them in the config',
                      Sparse3DWarning, stacklevel=3)


def _size(file: Any) -> int:
    if not hasattr(file, 'read'):
        return os.path.getsize(file)
    place = file.tell()
    size = file.seek(0, os.SEEK_END) - place
    file.seek(place)
    return size


def _check_parts(file: Any, size: int) -> int:
    """Refuse an archive of others, or that unpacks to more than it is; ``torch.save`` compresses
    nothing.

    Returns:
        How many bytes its pickle has, and so how many tuples at most.
    """
    place = file.tell() if hasattr(file, 'tell') else None
    try:
        if not zipfile.is_zipfile(file):
            return size
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
        if other := archive_kind([part.filename for part in parts]):
            raise _OtherArchive(other)
        unpacked = sum(part.file_size for part in parts)
    finally:
        if place is not None:
            file.seek(place)
    if unpacked > size:
        refuse(f'its parts unpack to {unpacked:,} bytes from a file of {size:,}')
    return sum(part.file_size for part in parts if part.filename.endswith('data.pkl'))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ['it is empty'])[0]


def _asked(error: Exception) -> str | None:
    """What PyTorch's long message says was in the file, if it does, without its words."""
    found = re.search(r'GLOBAL ([\w.]+)', str(error)) if isinstance(
        error, pickle.UnpicklingError) else None
    if found is None:
        return None
    whole = found[1].startswith(MODULES)
    return f'it asks for {found[1]}' + (', a part of a whole model; load it where it was made and '
                                        'save its weights alone (model.state_dict())' * whole)
