"""Options that a converted checkpoint brings along: which may stand there, and with what values.

They are merged into the config of whoever loads the checkpoint, so that a file from elsewhere
could set any key, down to a ``type`` that is imported and called. Only switches of published
quirks are taken, and only plain values.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sparse3d.errors import CheckpointError

SWITCH = r'published_\w+'
PLACE = r'model|(?:train|val|test)_dataloader\.dataset'
# Beside the switches, in a model: what released weights were trained with.
NAMED = r'code_weights|suppression\.radii|merge_background'
KEY = re.compile(rf'(?:{PLACE})(?:\.\w+)*?\.{SWITCH}|model(?:\.\w+)*?\.(?:{NAMED})')
GROUP = re.compile(r'model(?:\.\w+)*?\.image_fusion')  # a dict of switches


def check_published_options(options: Any, source: str) -> dict[str, Any]:
    """The options of a checkpoint, if they are such as converters write.

    Args:
        options: dotted config keys and their values.
        source: the checkpoint's name for the error.

    Raises:
        CheckpointError: naming the key and the value.
    """
    if not isinstance(options, Mapping):
        raise CheckpointError(f'{source} has config options that are no keys and values; '
                              f'convert it again with sparse3d convert-checkpoint')
    for key, value in options.items():
        if not _is_admitted(key, value):
            raise CheckpointError(
                f'{source} sets the config key {str(key)[:80]!r} to {str(value)[:80]!r}, and a '
                f'checkpoint may only switch published quirks with numbers, truth values, text or '
                f'lists of them; take it from elsewhere, or convert it again with '
                f'sparse3d convert-checkpoint')
    return dict(options)


def _is_admitted(key: Any, value: Any) -> bool:
    if not isinstance(key, str):
        return False
    if GROUP.fullmatch(key):
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and re.fullmatch(SWITCH, name) and _is_plain(item)
            for name, item in value.items())
    return KEY.fullmatch(key) is not None and _is_plain(value)


def _is_plain(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return all(isinstance(item, bool | int | float | str) for item in values)
