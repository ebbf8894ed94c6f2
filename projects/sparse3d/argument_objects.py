"""Argument objects: many arguments of a class as a few dicts with named fields.

A class that would take more than eight arguments groups them. Each group is a dataclass, a config
gives it as a dict, and the class names its groups, so that checks of options and of configs know
the fields too::

    class Head(nn.Module):
        argument_objects = dict(detections=DetectionOptions)

        def __init__(self, in_channels: int, detections: dict | DetectionOptions | None = None):
            detections = argument_object(self, 'detections', detections)
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any

from sparse3d.errors import ConfigError


def argument_object(owner: object, name: str, given: object) -> Any:
    """The dataclass of one group of arguments.

    Args:
        owner: whose argument it is, an instance or the class; it has ``argument_objects``.
        name: of the argument.
        given: a dict of fields, the dataclass, or None for all defaults.

    Raises:
        ConfigError: for an unknown field, one that has to be given and is not, or anything but
            a dict.
    """
    return as_argument_object(
        argument_objects_of(owner)[name], given,
        f'{name} of {(owner if isinstance(owner, type) else type(owner)).__name__}')


def as_argument_object(kind: type, given: object, place: str) -> Any:
    """The dataclass of a group of arguments that belongs to no class.

    Args:
        kind: the dataclass.
        given: as for :func:`argument_object`.
        place: what errors call the group.

    Raises:
        ConfigError: as :func:`argument_object`.
    """
    if isinstance(given, kind):
        return given
    known = [each.name for each in fields(kind) if each.init]
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f'{place} is {given!r:.80}; give a dict with {", ".join(known)}')
    for key in given or ():
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            meant = f'; did you mean {near[0]!r}?' if near else ''
            raise ConfigError(f'{place} has no {key!r}{meant} (it takes {", ".join(known)})')
    lacking = [each.name for each in fields(kind)
               if each.init and _must_be_given(each) and each.name not in (given or ())]
    if lacking:
        raise ConfigError(f'{place} lacks {", ".join(lacking)}; give it in that dict')
    return kind(**(given or {}))


def argument_objects_of(owner: object) -> Mapping[str, type]:
    """Names of a class's groups of arguments and their dataclasses; none for other classes."""
    return getattr(owner, 'argument_objects', None) or {}


def defaults_of(kind: type) -> dict[str, Any]:
    """Fields of a group that have a default, and the defaults."""
    return {each.name: each.default if each.default is not MISSING else each.default_factory()
            for each in fields(kind) if each.init and not _must_be_given(each)}


def _must_be_given(each: Field) -> bool:
    return each.default is MISSING and each.default_factory is MISSING
