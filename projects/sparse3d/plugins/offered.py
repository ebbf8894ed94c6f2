"""What installed plug-ins and data sets offer to a verb, and whose a config or an object is."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sparse3d.errors import PluginError
from sparse3d.plugins.contracts import Plugin
from sparse3d.plugins.installed import data_sets, near, plugins
from sparse3d.plugins.references import load


def offers(kind: str) -> dict[str, str]:
    """What all plug-ins offer of one kind: name to reference.

    Args:
        kind: ``'benchmarks'``, ``'exporters'``, ``'pictures'`` or ``'point_values'``.

    Raises:
        PluginError: if two plug-ins offer one name.
    """
    found: dict[str, tuple[str, str]] = {}
    for owner in plugins().values():
        for name, reference in getattr(owner, kind).items():
            if name in found:
                raise PluginError(f'the plug-ins {found[name][0]} and {owner.name} both offer '
                                  f'{name!r} as one of their {kind}; uninstall one of them')
            found[name] = owner.name, reference
    return {name: reference for name, (_, reference) in found.items()}


def offer(kind: str, name: str) -> Any:
    """What a plug-in offers under a name, imported.

    Args:
        kind: as of :func:`offers`.

    Raises:
        PluginError: if nobody offers it, or it cannot be imported.
    """
    there = offers(kind)
    if name not in there:
        raise PluginError(f'no plug-in offers {name!r} as one of its {kind}'
                          f'{near(name, there)}')
    return load(there[name])


def owner_of(kind: str, name: str) -> Plugin | None:
    """The plug-in that offers a name, or None where nobody does; ``kind`` as of :func:`offers`."""
    return next((owner for owner in plugins().values() if name in getattr(owner, kind)), None)


def plugins_of(modules: Iterable[str]) -> list[Plugin]:
    """The working plug-ins whose modules a config imports (its ``custom_imports``)."""
    wanted = set(modules)
    return [owner for owner in plugins().values() if wanted & set(owner.modules)]


def examples_of(verb: str) -> list[str]:
    """Command lines of a verb that data sets give for its ``--help``, in the order of names."""
    return [line for owner in data_sets().values() for line in owner.examples
            if f'{line} '.startswith(f'sparse3d {verb} ')]


def plugin_of(thing: object) -> Plugin | None:
    """The working plug-in in whose package the class of an object is defined, or None."""
    package = type(thing).__module__.partition('.')[0]
    return next((owner for owner in plugins().values()
                 if package in {module.partition('.')[0] for module in owner.modules}), None)
