"""Variables of a config file, whose values were copied when it was read.

``point_cloud_range = [...]`` at the top of a file stands for its value below. An option that sets
the variable afterwards changes nothing that is built, and must not pass in silence.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sparse3d.engine.config_options import RUNNER_KEYS
from sparse3d.errors import ConfigError

MOVED = ('data_root', )  # its copies are changed with it


def check_variables(before: Mapping[str, Any], changed: Mapping[str, Any],
                    options: Iterable[str]) -> None:
    """Refuse an option that sets a variable while copies of its old value remain in use.

    Args:
        before: the config without the options.
        changed: the config with them.
        options: their dotted keys.

    Raises:
        ConfigError: naming the places to set instead.
    """
    for key in options:
        name = key.partition('.')[0]
        if name in RUNNER_KEYS or name in MOVED or name not in before \
                or before[name] == changed[name]:
            continue
        places = list(copies(name, before[name], changed))
        if places:
            more = f' and {len(places) - 3} more' if len(places) > 3 else ''
            raise ConfigError(f'the option {key} would change nothing: {name} is a variable of '
                              f'the config file, whose value was copied when it was read; set '
                              f'{", ".join(places[:3])}{more} instead, or change {name} in a copy '
                              f'of the config')


def copies(name: str, value: Any, config: Mapping[str, Any]) -> Iterator[str]:
    """Dotted keys, in what is built, that hold the value of a variable.

    A plain number, truth value or None may be the same by chance: only keys of the variable's own
    name count.
    """
    by_name = value is None or isinstance(value, bool | int | float) or not value
    for key in config:
        if key in RUNNER_KEYS:
            yield from _copies(name, value, config[key], key, by_name)


def _copies(name: str, value: Any, node: Any, place: str, by_name: bool) -> Iterator[str]:
    if type(node) is type(value) and node == value and (
            not by_name or place.rpartition('.')[2] == name):
        yield place
        return
    items = node.items() if isinstance(node, Mapping) else \
        enumerate(node) if isinstance(node, list | tuple) else ()
    for key, item in items:
        yield from _copies(name, value, item, f'{place}.{key}', by_name)
