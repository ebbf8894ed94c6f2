"""A config's data root moved as a whole."""
from __future__ import annotations

from typing import Any

from mmengine.config import Config

from sparse3d.errors import ConfigError


def move_data_root(config: Config, data_root: str) -> None:
    """Make every path of a config that lies in its ``data_root`` lie in another one.

    A config spells its data root out in many places (datasets, sampling, metric); to
    override the variable alone would move none of them.

    Args:
        config: config with a top-level ``data_root``; changed in place.
        data_root: the new folder.

    Raises:
        ConfigError: if the config has no ``data_root``.
    """
    if not isinstance(config.get('data_root'), str):
        raise ConfigError('the config has no data_root to move; override the paths themselves')
    old = config.data_root.rstrip('/')
    config.merge_from_dict(_moved(config.to_dict(), old, data_root.rstrip('/')))


def _moved(node: Any, old: str, new: str) -> Any:
    if isinstance(node, dict):
        return {key: _moved(value, old, new) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_moved(value, old, new) for value in node)
    if isinstance(node, str) and (node == old or node.startswith(f'{old}/')):
        return new + node[len(old):]
    return node
