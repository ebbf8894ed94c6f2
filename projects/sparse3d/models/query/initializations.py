"""How the queries of a head begin: named ways, registered for a head.

A head that offers ``queries=dict(type=...)`` builds it here. Others add a way of their own::

    @register_queries('TransFusionHead', 'mine')
    class MyQueries(nn.Module):
        ...

and name it in a config, once the module is imported (``custom_imports``). What such a module is
given and returns, the head says.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn

from sparse3d.errors import ConfigError, PluginError
from sparse3d.stored_config import know_type

_KNOWN: dict[tuple[str, str], type[nn.Module]] = {}


def register_queries(head: str, name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Decorator that makes a class known as ``queries=dict(type=name)`` of a head.

    Args:
        head: name of the head's class; its subclasses offer the way too.
        name: what configs say.

    Raises:
        PluginError: if another class has the name.
    """
    def add(kind: type[nn.Module]) -> type[nn.Module]:
        known = _KNOWN.get((head, name))
        if known is not None and known.__qualname__ != kind.__qualname__:
            raise PluginError(f'queries of {head} called {name!r} are {known.__qualname__} of '
                              f'{known.__module__}; call {kind.__qualname__} something else')
        _KNOWN[head, name] = kind
        know_type(name)
        return kind
    return add


def query_initializations(head: type) -> dict[str, type[nn.Module]]:
    """The ways that a class of heads offers, by name."""
    classes = [each.__name__ for each in head.__mro__]
    return {name: kind for (owner, name), kind in reversed(_KNOWN.items()) if owner in classes}


def build_queries(head: nn.Module, given: Mapping[str, Any] | None, default: str) -> nn.Module:
    """The module of ``queries=dict(type=..., **options)``: ``kind(head, **options)``.

    Args:
        head: its ``__init__`` calls this when its sizes are known.
        given: of the config; None is ``dict(type=default)``.

    Raises:
        ConfigError: for an unknown type or option.
    """
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f'queries of {type(head).__name__} is {given!r:.80}; give a dict, such '
                          f'as dict(type={default!r})')
    given = dict(given or {})
    name = given.pop('type', default)
    known = query_initializations(type(head))
    if name not in known:
        near = get_close_matches(str(name), known, n=1)
        meant = f'; did you mean {near[0]!r}?' if near else ''
        raise ConfigError(f'queries.type of {type(head).__name__} is {name!r}{meant} (it offers '
                          f'{", ".join(sorted(known))})')
    try:
        return known[name](head, **given)
    except TypeError as error:
        raise ConfigError(f'queries of type {name!r} of {type(head).__name__}: {error}') from error
