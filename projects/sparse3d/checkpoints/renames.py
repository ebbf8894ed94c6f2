"""Checkpoints written before parameters, options and types got the names they have now.

What was renamed stands in :mod:`sparse3d.checkpoints.renamed_names`, written by the renaming
itself; what became a field of a plug-in's published quirks, in the fields
(:mod:`sparse3d.checkpoints.moved_quirks`).
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from sparse3d.atomic_files import atomic_file
from sparse3d.checkpoints import renamed_names as names
from sparse3d.checkpoints.moved_quirks import move_in_config, move_options
from sparse3d.compat.checkpoint_loading import load_checkpoint_file
from sparse3d.errors import CheckpointError, ConfigError
from sparse3d.stored_config import TEXTS, read_literals

STATES = ('state_dict', 'ema_state_dict')


def rewrite_checkpoint(source: str | PathLike, target: str | PathLike) -> list[str]:
    """Write a checkpoint again under the present names: weights, options, stored config.

    Returns:
        what was renamed: ``'old -> new'``, each once.

    Raises:
        CheckpointError: if the file cannot be read, or has nothing to rename.
    """
    if not Path(source).is_file():
        raise CheckpointError(f'checkpoint {source} does not exist')
    content, changes = renamed(load_checkpoint_file(source, 'cpu', all_texts=True))
    if not changes:
        raise CheckpointError(f'{source} has the present names already; nothing was written')
    with atomic_file(Path(target)) as stream:
        torch.save(content, stream)
    return changes


def refuse_old_names(content: Any, path: str) -> None:
    """Refuse a checkpoint with names that were changed since.

    Raises:
        CheckpointError: naming one of them, and the command that rewrites the file.
    """
    changes = renamed(content)[1]
    if changes:
        more = f' and {len(changes) - 1} more' if len(changes) > 1 else ''
        raise CheckpointError(
            f'{path} was written before names were changed ({changes[0]}{more}); rewrite it with '
            f'"sparse3d convert-checkpoint renames {path} NEW.pth"')


def renamed(content: Any) -> tuple[Any, list[str]]:
    """A checkpoint under the present names, and what was renamed; the given one stays as it is."""
    if not isinstance(content, dict):
        return content, []
    changes: dict[str, None] = {}
    content = dict(content)
    for key in STATES:
        if isinstance(content.get(key), Mapping):
            content[key] = _weights(content[key], changes)
    for *path, last in TEXTS:
        holder = content
        for key in path:
            if isinstance(holder.get(key), dict):
                holder[key] = dict(holder[key])
            holder = holder.get(key) if isinstance(holder.get(key), dict) else {}
        if isinstance(holder.get(last), str):
            holder[last] = _config_text(holder[last], changes)
    meta = content.get('meta')
    options = meta.get('config_options') if isinstance(meta, dict) else None
    if isinstance(options, Mapping):
        content['meta'] = dict(meta, config_options=move_options({
            _dotted(str(key), changes): _part(value, str(key).split('.'), changes)
            for key, value in options.items()}, changes))
    return content, list(changes)


def _weights(state: Mapping[str, Any], changes: dict[str, None]) -> Mapping[str, Any]:
    chosen = OrderedDict((_parameter(name, changes), value) for name, value in state.items())
    if hasattr(state, '_metadata'):  # versions of layers, by which older layouts are told
        chosen._metadata = OrderedDict((_parameter(f'{layer}.', {}).removesuffix('.'), version)
                                       for layer, version in state._metadata.items())
    return chosen


def _parameter(name: str, changes: dict[str, None]) -> str:
    for old, new in names.PARAMETERS:
        pattern = re.escape(old).replace(r'\*', r'([^.]+)')
        found = re.match(rf'((?:module\.)?){pattern}', name)
        if found:
            for group in found.groups()[1:]:
                new = new.replace('*', group, 1)
            changes[f'{old} -> {new}' if '*' not in old else f'{found[0]} -> {new}'] = None
            return f'{found[1]}{new}{name[found.end():]}'
    return name


def _dotted(key: str, changes: dict[str, None]) -> str:
    *parents, last = key.split('.')
    return '.'.join([*parents, _key(last, parents, None, changes)])


def _key(key: str, path: list[str], type_: str | None, changes: dict[str, None]) -> str:
    new = names.OPTIONS_OF_TYPES.get((type_, key))
    for size in range(1, len(path) + 1):
        new = new or names.OPTIONS.get('.'.join([*path[-size:], key]))
    if new is None:
        return key
    changes[f'{type_ or path[-1]}.{key} -> {new}'] = None
    return new


def _part(node: Any, path: list[str], changes: dict[str, None]) -> Any:
    """A part of a config with present names of types and keys."""
    if isinstance(node, Mapping):
        type_ = node.get('type')
        type_ = names.TYPES.get(type_, type_) if isinstance(type_, str) else None
        return {_key(key, path, type_, changes): _type(value, changes) if key == 'type' else _part(
            value, [*path, str(key)], changes) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_part(item, path, changes) for item in node)
    return node


def _type(value: Any, changes: dict[str, None]) -> Any:
    new = names.TYPES.get(value) if isinstance(value, str) else None
    if new is None:
        return value
    changes[f'{value} -> {new}'] = None
    return new


def _config_text(text: str, changes: dict[str, None]) -> str:
    """A config as text, the name of one, or what the safe loader left in its place."""
    if text.startswith('# left out:'):
        for name in re.findall(r"'(\w+)'", text):
            _type(name, changes)
        return text
    if '\n' not in text and Path(text).stem in names.CONFIGS:
        changes[f'{Path(text).stem} -> {names.CONFIGS[Path(text).stem]}'] = None
        return text.replace(Path(text).stem, names.CONFIGS[Path(text).stem])
    try:
        config = read_literals(text)
    except ConfigError:
        return text  # more than data: nobody reads it
    found: dict[str, None] = {}
    config = {key: _part(value, [key], found) for key, value in config.items()}
    config = move_in_config(config, found)
    changes.update(found)
    return '\n'.join(f'{key} = {value!r}' for key, value in config.items()) if found else text
