"""Options that a converted checkpoint brings along: which may stand there, and with what values.

They are merged into the config of whoever loads the checkpoint, so that a file from elsewhere
could set any key, down to a ``type`` that is imported and called. Only ``model.published`` is
taken, with fields of the dataclass that an installed plug-in names in its contract
(:attr:`sparse3d.plugins.Plugin.published`), and only plain values.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from sparse3d.errors import CheckpointError, PluginError
from sparse3d.plugins import Plugin, load, plugin, plugins
from sparse3d.published import PublishedSet

PLACE = 'model.published'


def published_sets(plug_in: str | None = None) -> dict[str, type[PublishedSet]]:
    """The dataclasses of published quirks by plug-in; of one or of all that work.

    Raises:
        PluginError: if the plug-in that is named is not installed, or its class is no
            :class:`PublishedSet`.
    """
    if plug_in is not None:
        kind = _set_of(plugin(plug_in))
        return {} if kind is None else {plug_in: kind}
    found = {}
    for name, owner in plugins().items():
        try:
            kind = _set_of(owner)
        except PluginError:  # somebody else's, and not what was asked for
            continue
        if kind is not None:
            found[name] = kind
    return found


def check_published_options(options: Any, source: str, plug_in: str | None = None,
                            ) -> dict[str, Any]:
    """The options of a checkpoint, if they are such as converters write.

    Args:
        options: ``model.published`` and a dict of fields, or dotted keys of single fields.
        source: the checkpoint's name for the error.
        plug_in: whose fields are taken; None takes those of all that are installed.

    Returns:
        the same, the fields in one dict under ``model.published``.

    Raises:
        CheckpointError: naming the key and the value.
        PluginError: if the plug-in is not installed.
    """
    if not isinstance(options, Mapping):
        raise CheckpointError(f'{source} has config options that are no keys and values; '
                              f'convert it again with sparse3d convert-checkpoint')
    if not options:
        return {}
    sets = [{each.name for each in fields(kind)} for kind in published_sets(plug_in).values()]
    taken: dict[str, Any] = {}
    for key, value in _leaves(options):
        place, _, name = str(key).rpartition('.')
        if not (place == PLACE and _is_plain(value)
                and any({*taken, name} <= names for names in sets)):
            named = f'the plug-in {plug_in} names' if plug_in else 'one installed plug-in names'
            raise CheckpointError(
                f'{source} sets the config key {str(key)[:80]!r} to {str(value)[:80]!r}, and a '
                f'checkpoint may only switch published quirks that {named} with numbers, truth '
                f'values, text or lists of them; take it from elsewhere, install its plug-in, or '
                f'convert it again with sparse3d convert-checkpoint')
        taken[name] = value
    return {PLACE: taken}


def _set_of(owner: Plugin) -> type[PublishedSet] | None:
    if owner.published is None:
        return None
    kind = load(owner.published) if isinstance(owner.published, str) else None
    if not (isinstance(kind, type) and issubclass(kind, PublishedSet)):
        raise PluginError(f'the plug-in {owner.name} gives published={owner.published!r:.80}, '
                          f'which names no PublishedSet; give module:class of its dataclass '
                          f'(sparse3d.published)')
    return kind


def _leaves(options: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Dotted keys and values, a dict as value written out."""
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from ((f'{key}.{name}', item) for name, item in value.items())
        else:
            yield key, value


def _is_plain(value: Any, depth: int = 2) -> bool:
    if isinstance(value, list | tuple):
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    return isinstance(value, bool | int | float | str)
