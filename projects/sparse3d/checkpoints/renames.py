"""Checkpoints written before parameters, options and types got the names they have now.

What was renamed stands with its owner: the core's in :mod:`sparse3d.checkpoints.renamed_names`,
that of plug-ins and data sets in their contracts. What became a published quirk of a plug-in, the
fields of its set say (:mod:`sparse3d.checkpoints.moved_quirks`).
"""
from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from sparse3d.checkpoints.moved_quirks import Moves, move_in_config, move_options, moves
from sparse3d.checkpoints.renamed_names import PARTS_NOW, RENAMES
from sparse3d.errors import CheckpointError, ConfigError
from sparse3d.plugins import (
    Plugin,
    RenamedNames,
    config_folders,
    data_sets,
    plugins,
    plugins_of,
)
from sparse3d.stored_config import TEXTS, read_literals

STATES = ('state_dict', 'ema_state_dict')


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
    owners = _owners_of(content)
    change = _Renaming(_names_of(owners), moves(owner.name for owner in owners))
    if content and all(isinstance(value, torch.Tensor) for value in content.values()):
        return change.weights(content), list(change.done)  # a plain state dict
    content = dict(content)
    for key in STATES:
        if isinstance(content.get(key), Mapping):
            content[key] = change.weights(content[key])
    for *path, last in TEXTS:
        holder = content
        for key in path:
            if isinstance(holder.get(key), dict):
                holder[key] = dict(holder[key])
            holder = holder.get(key) if isinstance(holder.get(key), dict) else {}
        if isinstance(holder.get(last), str):
            holder[last] = change.config_text(holder[last])
    meta = content.get('meta')
    options = meta.get('config_options') if isinstance(meta, dict) else None
    if isinstance(options, Mapping):
        content['meta'] = dict(meta, config_options=change.options(options))
    return content, list(change.done)


def refuse_old_names_in(config: Mapping[str, Any]) -> None:
    """Refuse a config whose types, or options of types, have other names now.

    Raises:
        ConfigError: naming one of them and its present name.
    """
    modules = config.get('custom_imports') or {}
    modules = modules.get('imports') or [] if isinstance(modules, Mapping) else modules
    names = _names_of(plugins_of([modules] if isinstance(modules, str) else modules))
    change = _Renaming(replace(names, parameters={}, options={}, configs={}), ())
    change.config(config)
    if change.done:
        first, more = next(iter(change.done)), len(change.done) - 1
        raise ConfigError(f'the config has names that were changed since: {first}'
                          + (f' and {more} more' if more else '') + '; write the present ones')


def _owners_of(content: dict) -> list[Plugin]:
    """The plug-ins whose old names count for a checkpoint."""
    named: set[str] = set()
    for text in _texts(content):
        named |= _plugins_named(text)
    return [owner for name, owner in plugins().items() if name in named or not named]


def _names_of(owners: Iterable[Plugin]) -> RenamedNames:
    """Tables of the core, of data sets and of plug-ins, as one."""
    tables = [RENAMES, *(owner.renames for owner in [*data_sets().values(), *owners])]
    return RenamedNames(**{kind.name: {old: new for table in tables
                                       for old, new in getattr(table, kind.name).items()}
                           for kind in fields(RenamedNames)})


def _texts(content: dict) -> Iterator[str]:
    for *path, last in TEXTS:
        holder = content
        for key in path:
            holder = holder.get(key) if isinstance(holder.get(key), dict) else {}
        if isinstance(holder.get(last), str):
            yield holder[last]


def _plugins_named(text: str) -> set[str]:
    """The plug-ins that a stored config imports, or to whose configs its name belongs."""
    if '\n' not in text:
        folders = config_folders()
        return {name for name, owner in plugins().items()
                if Path(text).stem in owner.renames.configs or owner.configs in folders
                and (folders[owner.configs] / f'{Path(text).stem}.py').is_file()}
    try:
        imports = read_literals(text).get('custom_imports') or {}
    except ConfigError:
        return set()
    modules = imports.get('imports') or [] if isinstance(imports, dict) else imports
    parts = {part for module in ([modules] if isinstance(modules, str) else modules)
             for part in str(module).split('.')}
    return {name for name, owner in plugins().items()
            if parts & {module.partition('.')[0] for module in owner.modules}}


class _Renaming:
    """Gives things their present names and keeps what it changed: ``'old -> new'``, each once."""

    def __init__(self, names: RenamedNames, quirks: Moves) -> None:
        self._names = names
        self._quirks = quirks
        self.done: dict[str, None] = {}

    def weights(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """A state dict, with the versions of layers, by which older layouts are told."""
        chosen = OrderedDict()
        for name, value in state.items():
            new, change = self._parameter(name)
            chosen[new] = value
            self.done.update(dict.fromkeys(change))
        if hasattr(state, '_metadata'):
            chosen._metadata = OrderedDict(
                (self._parameter(f'{layer}.')[0].removesuffix('.'), version)
                for layer, version in state._metadata.items())
        return chosen

    def _parameter(self, name: str) -> tuple[str, list[str]]:
        for old, new in self._names.parameters.items():
            pattern = re.escape(old).replace(r'\*', r'([^.]+)')
            found = re.match(rf'((?:module\.)?){pattern}', name)
            if found:
                for group in found.groups()[1:]:
                    new = new.replace('*', group, 1)
                change = f'{old} -> {new}' if '*' not in old else f'{found[0]} -> {new}'
                return f'{found[1]}{new}{name[found.end():]}', [change]
        return name, []

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options of a converted checkpoint, quirks in their set."""
        return move_options({self._dotted(str(key)): self.part(value, str(key).split('.'))
                             for key, value in options.items()}, self._quirks, self.done)

    def _dotted(self, key: str) -> str:
        """The dotted key of a config option."""
        *parents, last = key.split('.')
        return '.'.join([*parents, self._key(last, parents, None)])

    def _key(self, key: str, path: list[str], type_: str | None) -> str:
        new = self._names.options_of_types.get((type_ or '', key))
        for size in range(1, len(path) + 1):
            new = new or self._names.options.get('.'.join([*path[-size:], key]))
        if new is None:
            return key
        self.done[f'{type_ or path[-1]}.{key} -> {new}'] = None
        return new

    def part(self, node: Any, path: list[str]) -> Any:
        """A part of a config with present names of types and keys."""
        if isinstance(node, Mapping):
            type_ = node.get('type')
            type_ = self._names.types.get(type_, type_) if isinstance(type_, str) else None
            return {key if (type_, key) in PARTS_NOW and isinstance(value, Mapping)
                    else self._key(key, path, type_): self._type(value) if key == 'type'
                    else self.part(value, [*path, str(key)]) for key, value in node.items()}
        if isinstance(node, list | tuple):
            return type(node)(self.part(item, path) for item in node)
        return node

    def config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A whole config; quirks move while options still stand where they stood."""
        new = move_in_config({key: self.part(value, [key]) for key, value in config.items()},
                             self._quirks, self.done)
        return {key: self.grouped(value) for key, value in new.items()}

    def grouped(self, node: Any) -> Any:
        """A part of a config with options in the groups of arguments that they are in now."""
        if isinstance(node, list | tuple):
            return type(node)(self.grouped(item) for item in node)
        if not isinstance(node, Mapping):
            return node
        kind, new = str(node.get('type')).rpartition('.')[2], {}
        for key, value in node.items():
            group, _, name = self._names.moved_options.get((kind, key), '').partition('.')
            if not group:
                value = self.grouped(value)
                new[key] = {**new[key], **value} if key in new and isinstance(value, dict) \
                    else value
                continue
            self.done[f'{kind}.{key} -> {group}.{name}'] = None
            new[group] = {**(new.get(group) or {}), name: self.grouped(value)}
        return new

    def _type(self, value: Any) -> Any:
        new = self._names.types.get(value) if isinstance(value, str) else None
        if new is None:
            return value
        self.done[f'{value} -> {new}'] = None
        return new

    def config_text(self, text: str) -> str:
        """A config as text, the name of one, or what the safe loader left in its place."""
        if text.startswith('# left out:'):
            for name in re.findall(r"'(\w+)'", text):
                self._type(name)
            return text
        bare = Path(text).stem if '\n' not in text else ''
        if bare in self._names.configs:
            self.done[f'{bare} -> {self._names.configs[bare]}'] = None
            return text.replace(bare, self._names.configs[bare])
        try:
            config = read_literals(text)
        except ConfigError:
            return text  # more than data: nobody reads it
        new = self.config(config)
        return text if new == config else '\n'.join(
            f'{key} = {value!r}' for key, value in new.items())
