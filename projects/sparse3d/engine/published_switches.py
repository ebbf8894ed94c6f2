"""What a set of published quirks switches on that no part of a plug-in does.

Beside the model, in data and optimizer; and in a model of the core's parts alone, none of which
takes a set: there its fields are options of those parts, and the set itself is not kept.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mmengine.config import Config

from sparse3d.checkpoints.options import PLACE, published_sets
from sparse3d.engine.config_options import has_place, value_at
from sparse3d.published import PublishedSet, kinds_of, set_of


def switch_on(config: Config) -> None:
    """Set the options that the published quirks of a model switch on, its plug-in's parts aside.

    Raises:
        ConfigError: if the parts of the model have different sets.
    """
    model = config.get('model')
    if isinstance(model, Mapping) and 'published' in model:
        options = written_out(config, {PLACE: model['published']})
        if PLACE not in options:
            config.model.pop('published')
            config.merge_from_dict(options)
    published = set_of(model) if isinstance(model, Mapping) else None
    if published is None:
        return
    for key, value in _outside(published.switched()).items():
        if _has_parent(config, key):
            config.merge_from_dict({key: value}, allow_list_keys=True)


def written_out(config: Config, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with a set that no part of the model takes written out as what it switches on.

    A set that some part takes stays as it is, and so does one that nobody knows.

    Raises:
        ConfigError: for a value that a field of the set does not take.
    """
    given: dict[str, Any] | None = None
    for key, value in options.items():
        if key == PLACE and (value is None or isinstance(value, Mapping)):
            given = dict(value or {})
        elif key.startswith(f'{PLACE}.'):
            given = {**(given or {}), key.removeprefix(f'{PLACE}.'): value}
    kind = None if given is None else taking(config, given)
    if given is None or _kinds_in(config) or given and kind is None:
        return dict(options)
    switched = {} if kind is None else kind.of(given).switched()
    return {**switched, **{key: value for key, value in options.items()
                           if key != PLACE and not key.startswith(f'{PLACE}.')}}


def written_out_in(config: Config, published: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a set whose options a config has that has no place for the set."""
    kind = None if _kinds_in(config) else taking(config, published)
    if kind is None:
        return {}
    plain = config.to_dict()
    return {name: value for name, value in kind.of(published).on().items()
            if all(value_at(plain, key) == wanted
                   for key, wanted in kind.of({name: value}).switched().items())}


def without_place(config: Config, published: Mapping[str, Any]) -> list[str]:
    """Options outside of the model that a set would switch on, and the config does not have.

    Args:
        published: fields of a set that a part of the model takes.
    """
    kind = taking(config, published)
    switched = {} if kind is None else _outside(kind.of(published).switched())
    return [key for key in switched if not _has_parent(config, key)]


def taking(config: Config, published: Mapping[str, Any]) -> type[PublishedSet] | None:
    """The dataclass with these fields that the model takes, or None.

    One that its parts take; where none takes any, an installed one all of whose fields are
    options of parts of the core.
    """
    kinds = _kinds_in(config) or [
        kind for kind in published_sets().values() if _fits_core_parts(config, kind, published)]
    return next((kind for kind in kinds if set(published) <= set(kind.__dataclass_fields__)), None)


def _kinds_in(config: Config) -> list[type[PublishedSet]]:
    return kinds_of({'model': config.get('model') or {}})


def _fits_core_parts(config: Config, kind: type[PublishedSet], published: Mapping[str, Any],
                     ) -> bool:
    known = {each.name: each.metadata['switches'] for each in fields(kind)}
    if not all(known.values()) or not set(published) <= set(known):
        return False
    plain = config.to_dict()
    return all(has_place(plain, key) for key in kind.of(published).switched())


def _outside(switched: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in switched.items() if not key.startswith('model.')}


def _has_parent(config: Config, key: str) -> bool:
    try:
        return isinstance(value_at(config._cfg_dict, key.rpartition('.')[0]), Mapping)
    except KeyError:
        return False
