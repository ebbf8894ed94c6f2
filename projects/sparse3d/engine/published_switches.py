"""What a model's set of published quirks switches on beside the model: in data and optimizer."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from sparse3d.engine.config_options import value_at
from sparse3d.published import kinds_of, set_of


def switch_on(config: Config) -> None:
    """Set the options outside of the model that its published quirks switch on.

    Raises:
        ConfigError: if the parts of the model have different sets.
    """
    model = config.get('model')
    published = set_of(model) if isinstance(model, Mapping) else None
    if published is None:
        return
    for key, value in _outside(published.switched()).items():
        if _has_parent(config, key):
            config.merge_from_dict({key: value}, allow_list_keys=True)


def without_place(config: Config, published: Mapping[str, Any]) -> list[str]:
    """Options outside of the model that a set would switch on, and the config does not have.

    Args:
        published: fields of a set that a part of the model takes.
    """
    kind = taking(config, published)
    switched = {} if kind is None else _outside(kind.of(published).switched())
    return [key for key in switched if not _has_parent(config, key)]


def taking(config: Config, published: Mapping[str, Any]) -> Any:
    """The dataclass with these fields that a part of the model takes, or None."""
    kinds = kinds_of({'model': config.get('model') or {}})
    return next((kind for kind in kinds if set(published) <= set(kind.__dataclass_fields__)), None)


def _outside(switched: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in switched.items() if not key.startswith('model.')}


def _has_parent(config: Config, key: str) -> bool:
    try:
        return isinstance(value_at(config._cfg_dict, key.rpartition('.')[0]), Mapping)
    except KeyError:
        return False
