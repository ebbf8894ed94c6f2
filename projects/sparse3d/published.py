"""Published quirks of a plug-in: one frozen dataclass, written once in a config.

Where released weights follow what looks like an accident of the released code, a plug-in can
follow too. All such quirks of a plug-in are fields of one dataclass, off by default::

    @dataclass(frozen=True)
    class MethodPublished(PublishedSet):
        corners: bool = quirk(False, 'a voxel stands at its lower corner', 'at its center')

A config sets them in one place, ``model.published=dict(corners=True)``. The detector hands the set
to its parts (:func:`hand_down`): a part whose class names the dataclass as its ``published_set``
gets it as the argument ``published``. mmengine builds a part from its own dict alone, so the
detector has to pass the set on; a part that is built alone takes ``published`` itself.

Parts of the core, the data and the optimizer know no plug-in. What they can do as published is an
option of theirs; a field may switch that on (``switches``), never off. A set whose fields all do
so serves models that consist of the core's parts; loading the config writes the options out.

A part of the core with weights of its own release (an image backbone) may have a set of its own
(``of_one_part``). It is given to that part (``backbone.published``), beside whatever
``model.published`` is.
"""
from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, TypeVar

from sparse3d.argument_objects import argument_objects_of
from sparse3d.errors import ConfigError

Set = TypeVar('Set', bound='PublishedSet')


def quirk(default: Any, does: str, right: str, *, was: Mapping[str, Any] | None = None,
          switches: Mapping[str, Any] | None = None) -> Any:
    """A field of a :class:`PublishedSet`.

    Args:
        default: off: False, or None where the quirk is a number or several.
        does: what the released code does.
        right: what happens without it.
        was: dotted config keys that it had before there were sets, and the value that meant on;
            ``...`` where the value itself is taken over.
        switches: dotted config keys that it switches on, and their values.
    """
    return field(default=default, metadata=dict(does=does, right=right, was=was or {},
                                                switches=switches or {}))


@dataclass(frozen=True)
class PublishedSet:
    """Base of a plug-in's published quirks; see the module.

    Attributes:
        of_one_part: it is given to the part that takes it, never as ``model.published``.
    """

    of_one_part: ClassVar[bool] = False

    @classmethod
    def of(cls: type[Set], given: PublishedSet | Mapping[str, Any] | None) -> Set:
        """The set that a config gives; None is the one with all quirks off.

        Raises:
            ConfigError: for an unknown field, or a set of another plug-in.
        """
        if isinstance(given, cls):
            return given
        if given is not None and not isinstance(given, Mapping):
            raise ConfigError(f'published is {given!r:.80}; give a dict of fields of '
                              f'{cls.__name__}')
        known = [each.name for each in fields(cls)]
        for name in given or ():
            if name not in known:
                near = get_close_matches(str(name), known, n=1) or known
                raise ConfigError(f'{cls.__name__} has no quirk {name!r}; did you mean '
                                  f'{", ".join(near)}?')
        values = {name: tuple(value) if isinstance(value, list) else value
                  for name, value in (given or {}).items()}
        for each in fields(cls):
            if each.default is False and not isinstance(values.get(each.name, False), bool):
                raise ConfigError(f'{cls.__name__}.{each.name} is {values[each.name]!r:.80}; give '
                                  f'True or False')
        return cls(**values)

    def on(self) -> dict[str, Any]:
        """Fields that are not at their defaults, and their values."""
        return {each.name: getattr(self, each.name) for each in fields(self)
                if each.default is MISSING or getattr(self, each.name) != each.default}

    def switched(self) -> dict[str, Any]:
        """Dotted config keys of the options that the fields that are on switch on."""
        return {key: copy.deepcopy(value) for each in fields(self) if each.name in self.on()
                for key, value in each.metadata['switches'].items()}


def hand_down(published: PublishedSet | Mapping[str, Any] | None,
              **parts: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """Configs of a detector's parts with its set of published quirks, in the order given.

    Args:
        published: of the detector (``model.published``); None leaves the parts as they are.
        parts: configs by their names in the detector.

    Raises:
        ConfigError: if two parts of one plug-in have different sets, none takes a set, parts of
            several plug-ins do, or the model lacks an option that a field switches on.
    """
    given, kinds = _checked(published, parts), kinds_of(parts)
    if given is None:
        return tuple(parts.values())
    parts = copy.deepcopy(dict(parts))
    for _, part in _takers(parts, kinds[0]):
        part['published'] = given
    for key, value in given.switched().items():
        scope, _, path = key.partition('.')
        if scope == 'model':
            _switch(parts, path, value)
    return tuple(parts.values())


def set_of(model: Mapping[str, Any]) -> PublishedSet | None:
    """The set of published quirks of a model's config; None where it has none.

    Raises:
        ConfigError: as :func:`hand_down`.
    """
    return _checked(model.get('published'), {
        key: value for key, value in model.items() if key != 'published'})


def kinds_of(parts: Mapping[str, Any]) -> list[type[PublishedSet]]:
    """The dataclasses of quirks that a model's parts share, each once."""
    return list(dict.fromkeys(kind for _, _, kind in _all_takers(parts) if not kind.of_one_part))


def _checked(published: Any, parts: Mapping[str, Any]) -> PublishedSet | None:
    kinds = kinds_of(parts)
    for kind in kinds:
        places = [(place, kind.of(part.get('published'))) for place, part in _takers(parts, kind)
                  if published is None or 'published' in part]
        if published is not None and len(kinds) == 1:
            places.insert(0, ('model', kind.of(published)))
        for place, other in places[1:]:
            if other != places[0][1]:
                raise ConfigError(
                    f'{places[0][0]}.published is {places[0][1].on()} and {place}.published '
                    f'{other.on()}; quirks of one plug-in go together: set them once, as '
                    f'model.published')
    if published is None:
        return None
    if len(kinds) != 1:
        names = ', '.join(kind.__name__ for kind in kinds) or 'none'
        raise ConfigError(f'model.published is {dict(published)!r:.80}, and the sets that parts of '
                          f'the model take are {names}; ' + (
                              'give each part its own' if kinds else 'leave it out'))
    return kinds[0].of(published)


def _takers(parts: Any, kind: type[PublishedSet]) -> Iterator[tuple[str, dict]]:
    return ((place, part) for place, part, other in _all_takers(parts) if other is kind)


def _all_takers(node: Any, place: str = 'model') -> Iterator[tuple[str, dict, type[PublishedSet]]]:
    """Configs of parts that take a set, with their places and the dataclass."""
    if isinstance(node, list | tuple):
        for number, item in enumerate(node):
            yield from _all_takers(item, f'{place}.{number}')
    elif isinstance(node, Mapping):
        kind = getattr(_registered(node), 'published_set', None)
        if kind is not None:
            yield place, node, kind
        for key, value in node.items():
            yield from _all_takers(value, f'{place}.{key}')


def _registered(node: Mapping) -> Any:
    """The class of a part, if its ``type`` is one; looked up, not imported: any text may stand."""
    from mmdet3d.registry import MODELS  # the dataclasses alone are light
    name = node.get('type')
    return MODELS.module_dict.get(name.rpartition('.')[2]) if isinstance(name, str) else name


def _switch(parts: dict, path: str, value: Any) -> None:
    *parents, last = path.split('.')
    node: Any = parts
    for key in parents[:-1]:
        node = node.get(key) if isinstance(node, Mapping) else None
    if isinstance(node, dict) and parents:
        if parents[-1] in argument_objects_of(_registered(node)):  # a config may leave it out
            node[parents[-1]] = dict(node.get(parents[-1]) or {})
        node = node.get(parents[-1])
    if not isinstance(node, Mapping):
        raise ConfigError(f'model.published switches on model.{path}, and the model has no '
                          f'{".".join(parents)}; leave that quirk out')
    node[last] = value
