"""Which plug-ins and data sets are installed, the broken ones with their error, and by name."""
from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from typing import Any, Generic, TypeVar

from sparse3d.errors import PluginError
from sparse3d.plugins.contracts import DataSet, Plugin
from sparse3d.plugins.references import first_line

PLUGIN_GROUP = 'sparse3d.plugins'
DATA_SET_GROUP = 'sparse3d.data_sets'
Contract = TypeVar('Contract', Plugin, DataSet)
# What stands where else the name of a plug-in or of a data set does on a command line.
TAKEN_NAMES = {Plugin: {'renames': 'convert-checkpoint'},
               DataSet: {'crops': 'create-data', 'upgrade': 'create-data',
                         'config': 'create-data', 'recording': 'create-data',
                         'mcap': 'simulate'}}


@dataclass(frozen=True)
class Installed(Generic[Contract]):
    """One entry point: its contract, or why there is none.

    Attributes:
        name: of the entry point.
        distribution: name and version of the distribution that it comes from.
        contract: what it offers; None where importing it failed.
        error: the first line of that failure.
    """

    name: str
    distribution: str
    contract: Contract | None
    error: str = ''


@functools.cache
def installed_plugins() -> tuple[Installed[Plugin], ...]:
    """All plug-ins that are installed, the broken ones with their error, by name."""
    return _installed(PLUGIN_GROUP, Plugin)


@functools.cache
def installed_data_sets() -> tuple[Installed[DataSet], ...]:
    """All data sets that are installed, the broken ones with their error, by name."""
    return _installed(DATA_SET_GROUP, DataSet)


def plugins() -> dict[str, Plugin]:
    """The working plug-ins by name.

    Raises:
        PluginError: if two distributions offer plug-ins of one name.
    """
    return _by_name(installed_plugins(), 'plug-in')


def data_sets() -> dict[str, DataSet]:
    """The working data sets by name.

    Raises:
        PluginError: if two distributions offer data sets of one name.
    """
    return _by_name(installed_data_sets(), 'data set')


def plugin(name: str) -> Plugin:
    """The plug-in of a name.

    Raises:
        PluginError: if there is none, or importing it failed.
    """
    return _named(name, plugins(), installed_plugins(), 'plug-in')


def data_set(name: str) -> DataSet:
    """The data set of a name.

    Raises:
        PluginError: if there is none, or importing it failed.
    """
    return _named(name, data_sets(), installed_data_sets(), 'data set')


def near(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest one, and all there are (if many,
    the first ones)."""
    names = list(names)
    close = get_close_matches(name, names, n=1)
    hint = f'; did you mean {close[0]!r}?' if close else ''
    more = [f'and {len(names) - MOST_NAMES} more'] if len(names) > MOST_NAMES else []
    return f'{hint} (installed: {", ".join(names[:MOST_NAMES] + more) or NOTHING_INSTALLED})'


def _installed(group: str, kind: type) -> tuple[Installed, ...]:
    points = {(point.name, point.value): point for point in metadata.entry_points(group=group)}
    return tuple(_load(point, kind) for _, point in sorted(points.items()))


def _load(point: metadata.EntryPoint, kind: type) -> Installed:
    source = f'{point.dist.name} {point.dist.version}' if point.dist else 'unknown'
    try:
        contract = point.load()
    except Exception as error:  # somebody else's code: any error of it is only listed
        return Installed(point.name, source, None, f'{type(error).__name__}: {first_line(error)}')
    if not isinstance(contract, kind):
        return Installed(point.name, source, None,
                         f'{point.value} is a {type(contract).__name__}, not a {kind.__name__}')
    if contract.name in TAKEN_NAMES[kind]:
        return Installed(point.name, source, None, f'{point.value} is called {contract.name!r}, '
                         f'which means something else to {TAKEN_NAMES[kind][contract.name]}')
    return Installed(point.name, source, contract)


def _by_name(found: tuple[Installed, ...], what: str) -> dict[str, Any]:
    owners: dict[str, str] = {}
    for item in _working(found):
        name = item.contract.name
        if name in owners:
            raise PluginError(f'{owners[name]} and {item.distribution} both bring a {what} called '
                              f'{name}; uninstall one of them')
        owners[name] = item.distribution
    return {item.contract.name: item.contract for item in _working(found)}


def _working(found: tuple[Installed, ...]) -> Iterator[Installed]:
    return (item for item in found if item.contract is not None)


def _named(name: str, there: Mapping[str, Any], found: tuple[Installed, ...], what: str) -> Any:
    if name in there:
        return there[name]
    broken = {item.name: item.error for item in found if item.contract is None}
    if name in broken:
        raise PluginError(f'the {what} {name} is installed but cannot be imported: {broken[name]}')
    raise PluginError(f'there is no {what} {name!r}{near(name, there)}')


MOST_NAMES = 24  # that a sentence lists
NOTHING_INSTALLED = ('none; entry points need installed metadata, which a folder on PYTHONPATH '
                     'does not have: pip install -e . where its setup.cfg lies')
