"""Options that a converted checkpoint brings along: which may stand there, and with what values.

They are merged into the config of whoever loads the checkpoint, so that a file from elsewhere
could set any key, down to a ``type`` that is imported and called. Only keys that an installed
plug-in names in its contract (:attr:`sparse3d.plugins.Plugin.published`) are taken, and only
plain values.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sparse3d.errors import CheckpointError
from sparse3d.plugins import plugin, plugins


def check_published_options(options: Any, source: str, plug_in: str | None = None,
                            ) -> dict[str, Any]:
    """The options of a checkpoint, if they are such as converters write.

    Args:
        options: dotted config keys and their values; a dict as value stands for the keys in it.
        source: the checkpoint's name for the error.
        plug_in: whose keys are taken; None takes those of all that are installed.

    Raises:
        CheckpointError: naming the key and the value.
        PluginError: if the plug-in is not installed.
    """
    if not isinstance(options, Mapping):
        raise CheckpointError(f'{source} has config options that are no keys and values; '
                              f'convert it again with sparse3d convert-checkpoint')
    if not options:
        return {}
    owners = plugins().values() if plug_in is None else [plugin(plug_in)]
    taken = {key for owner in owners for key in owner.published}
    for key, value in _leaves(options):
        if key not in taken or not _is_plain(value):
            named = f'the plug-in {plug_in} names' if plug_in else 'the installed plug-ins name'
            raise CheckpointError(
                f'{source} sets the config key {str(key)[:80]!r} to {str(value)[:80]!r}, and a '
                f'checkpoint may only switch published quirks that {named} with numbers, truth '
                f'values, text or lists of them; take it from elsewhere, install its plug-in, or '
                f'convert it again with sparse3d convert-checkpoint')
    return dict(options)


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
