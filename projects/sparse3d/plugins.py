"""The two contracts with what is installed beside the core: plug-ins and data sets.

A distribution offers a :class:`Plugin` or a :class:`DataSet` under an entry point of the group
``sparse3d.plugins`` or ``sparse3d.data_sets``. The core asks here who offers what; it names
nobody. A contract holds text only, ``'module:attribute'``, so that listing what is there imports
neither torch nor a model; :func:`load` imports the one thing that is asked for.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module, metadata
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from sparse3d.errors import PluginError

PLUGIN_GROUP = 'sparse3d.plugins'
DATA_SET_GROUP = 'sparse3d.data_sets'


@dataclass(frozen=True)
class RenamedNames:
    """Names that checkpoints hold and that were changed since, old to present.

    A plug-in's table counts for checkpoints whose stored config imports the plug-in, and for those
    that do not say what they import; so that another plug-in may use such a name for its own.

    Attributes:
        parameters: first parts of a weight's name; ``*`` is one part.
        types: names of registered classes.
        options_of_types: ``(present type, option)`` to option.
        options: ``'parent.option'`` to option: for what stands in no class of its own.
        configs: bare names.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    options_of_types: Mapping[tuple[str, str], str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plugin:
    """What one detection method brings along.

    A reference is ``'module:attribute'``.

    Attributes:
        name: of the method; what ``convert-checkpoint`` and ``list`` call it.
        modules: imported to register the classes that configs name.
        configs: importable package whose files are the configs.
        convert: ``(published: Mapping, config: str | None) -> Conversion``, see
            :mod:`sparse3d.checkpoints.conversion`.
        published: the dataclass of its published quirks, a
            :class:`sparse3d.published.PublishedSet`; a converted checkpoint may set fields
            of it, as ``model.published``, and nothing else.
        benchmarks: name to ``(threads: int, repeats: int) -> list[dict]``: ``name``, ``value``,
            ``unit``, and if there are any ``baseline``, ``ratio``, ``note``; one dict a row.
        exporters: name to an :class:`Exporter`.
        pictures: name to a :class:`PictureWriter`.
        point_values: name of pictures to a :class:`PointValues`, which fills the layer
            ``importance`` of pages, viewers and recordings.
        stream: ``(model, **options) -> stream``, for detectors of videos: frames go in one at a
            time, detections come out.
        trial_configs: bare names of configs whose models train a step anywhere in seconds, one
            for each kind of model: what ``gpu-check`` runs and whose waits are counted.
        sequence: ``(model) -> driver | None``, for detectors of videos: a driver's ``predict``
            stands in for the model's while a data set is detected in order; it owns what is kept
            from one sample to the next.
        renames: names in checkpoints that were changed since.
        docs: address or path of a page, which ``list plugins`` shows.
    """

    name: str
    modules: tuple[str, ...]
    configs: str | None = None
    convert: str | None = None
    published: str | None = None
    benchmarks: Mapping[str, str] = field(default_factory=dict)
    exporters: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    point_values: Mapping[str, str] = field(default_factory=dict)
    stream: str | None = None
    trial_configs: tuple[str, ...] = ()
    sequence: str | None = None
    renames: RenamedNames = RenamedNames()
    docs: str = ''


@dataclass(frozen=True)
class DataSet:
    """What one data set can do; a reference is ``'module:attribute'``.

    Attributes:
        name: what ``create-data``, ``simulate`` and ``check`` call it.
        summary: half a sentence for ``--help``.
        modules: imported to register dataset, transforms, metric, and the formats of detections
            (:func:`sparse3d.structures.detection_formats.register_format`) and of result files
            (:func:`sparse3d.structures.result_files.register_results`).
        configs: importable package of configs that train on it.
        info_files: patterns of the info files below a data root, by which it is recognized.
        arguments: ``(parser) -> None``: arguments of ``create-data NAME``.
        prepare: ``(namespace) -> report``: what ``create-data NAME`` runs.
        propose: ``(root, out, overwrite) -> report``: what ``create-data config ROOT`` runs;
            writes a config for the data set in a folder.
        check: ``(folder: Path) -> CheckReport``; the folder is the one of the info files.
        upgrade: ``(old, path) -> (metainfo, entries, words) | None``: info files of older
            layouts; None where the file is not of this data set.
        simulate_arguments: ``(parser) -> None``: arguments of ``simulate NAME``.
        simulate: ``(namespace) -> str``: what ``simulate NAME`` runs; gives a closing line.
        crops: ``(root, workers) -> dict(objects=..., crops=...)``: objects of the database cut
            from images, for pasting.
        examples: command lines for ``--help``, each beginning with ``sparse3d create-data NAME``,
            ``sparse3d simulate NAME`` or ``sparse3d check``.
        renames: names in checkpoints that were changed since.
        docs: address or path of a page, which ``list datasets`` shows.
    """

    name: str
    summary: str = ''
    modules: tuple[str, ...] = ()
    configs: str | None = None
    info_files: tuple[str, ...] = ()
    arguments: str | None = None
    prepare: str | None = None
    propose: str | None = None
    check: str | None = None
    upgrade: str | None = None
    simulate_arguments: str | None = None
    simulate: str | None = None
    crops: str | None = None
    examples: tuple[str, ...] = ()
    renames: RenamedNames = RenamedNames()
    docs: str = ''


class PictureWriter(Protocol):
    """Writes a plug-in's own pictures of one sample."""

    def __call__(self, model: Any, batch: dict, frame: Any, folder: str | PathLike,
                 score_threshold: float) -> list[Path]:
        """Write the pictures; returns the files.

        Args:
            model: the detector in evaluation mode; gradients are off.
            batch: the one sample, collated.
            frame: a :class:`sparse3d.visualization.frame.Frame` of it.
            folder: for the files.
            score_threshold: detections below are left out.

        Raises:
            ConfigError: if the model is none that has such pictures.
        """


class PointValues(Protocol):
    """How much a detector makes of each point of a sample."""

    def __call__(self, model: Any, batch: dict, frame: Any) -> Any:
        """(N,) in 0..1, for ``frame.points``; arguments and errors as of :class:`PictureWriter`."""


class ExportReport(Protocol):
    """What an exporter did."""

    path: Path

    def sentences(self) -> list[str]:
        """What was written and how near it is to PyTorch, a sentence each."""


class Exporter(Protocol):
    """Writes the deployable part of a detector and compares it with PyTorch."""

    def __call__(self, config: str | PathLike, checkpoint: str | PathLike | None,
                 out: str | PathLike, clouds: Sequence[str | PathLike],
                 cfg_options: dict[str, Any] | None) -> ExportReport:
        """Write ``out``, or nothing where the comparison fails."""


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


def near(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown name: the nearest one, and all there are."""
    names = list(names)
    close = get_close_matches(name, names, n=1)
    hint = f'; did you mean {close[0]!r}?' if close else ''
    return f'{hint} (installed: {", ".join(names) or NOTHING_INSTALLED})'


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


def registered_attribute(package: str, name: str, public: Sequence[str]) -> Any:
    """The ``__getattr__`` of a plug-in's package, which thus stays light until it is used.

    Args:
        package: whose module ``register`` imports and holds all that is public.
        name: of the attribute.
        public: names of the package, its ``__all__``.

    Raises:
        AttributeError: for any other name.
    """
    if name not in public:
        raise AttributeError(f'module {package!r} has no attribute {name!r}')
    return getattr(import_module(f'{package}.register'), name)


def load(reference: str) -> Any:
    """The object that a reference ``'module:attribute'`` names.

    Raises:
        PluginError: if it is not there, or importing it raises anything.
    """
    module, _, attribute = reference.partition(':')
    try:
        return getattr(import_module(module), attribute)
    except PluginError:
        raise
    except Exception as error:  # somebody else's code
        raise PluginError(f'{reference} cannot be loaded: {type(error).__name__}: '
                          f'{_first_line(error)}; install what it belongs to anew') from error


CONFIG_PACKAGE = 'sparse3d_configs'


def config_home() -> Path | None:
    """The folder of the configs that come with Sparse3D; None where they are not installed."""
    return _folder(CONFIG_PACKAGE)


def config_folders() -> dict[str, Path]:
    """Folders of config files by package, the core's own first; nothing of them is imported.

    Those that come with Sparse3D are there also where plug-ins have no installed metadata.
    Plug-ins and data sets whose package of configs is not there are left out.
    """
    home = config_home()
    rooms = [] if home is None else sorted(
        path.name for path in home.iterdir() if path.is_dir() and not path.name.startswith('_'))
    packages = [*(f'{CONFIG_PACKAGE}.{room}' for room in rooms),
                *(owner.configs for owner in [*plugins().values(), *data_sets().values()]
                  if owner.configs)]
    return {package: folder for package in packages
            if (folder := _folder(package)) is not None}


def config_files() -> dict[str, Path]:
    """Config files of all packages by bare name.

    Raises:
        PluginError: if one name stands in two packages.
    """
    files: dict[str, Path] = {}
    for folder in config_folders().values():
        for path in sorted(folder.glob('*.py')):
            if path.stem.startswith('_') or path.stem == 'plugin':
                continue
            if path.stem in files:
                raise PluginError(f'the config {path.stem} stands in {files[path.stem].parent} '
                                  f'and in {folder}; give the path of the one that is meant')
            files[path.stem] = path
    return files


def config_file(name: str) -> Path:
    """The config file of a bare name.

    Raises:
        PluginError: if there is none, or one name stands in two packages.
    """
    files = config_files()
    if name not in files:
        near = get_close_matches(name, files, n=3, cutoff=0.5)
        raise PluginError(f'there is no config {name!r}'
                          + (f'; did you mean {", ".join(near)}?' if near else
                             f' among the {len(files)} that are installed'))
    return files[name]


def register(contracts: Iterable[Plugin | DataSet],
             on_error: Callable[[str, Exception], None] | None = None) -> list[str]:
    """Import the modules of contracts, so that configs may name what they register.

    Args:
        contracts: whose modules.
        on_error: called with the name and the error of one that cannot be imported; by
            default it is passed over.

    Returns:
        The names of those that were registered.
    """
    done = []
    for contract in contracts:
        try:
            for module in contract.modules:
                import_module(module)
        except Exception as error:  # somebody else's code: it must not disturb ours
            if on_error is not None:
                on_error(contract.name, error)
        else:
            done.append(contract.name)
    return done


def _installed(group: str, kind: type) -> tuple[Installed, ...]:
    points = {(point.name, point.value): point for point in metadata.entry_points(group=group)}
    return tuple(_load(point, kind) for _, point in sorted(points.items()))


def _load(point: metadata.EntryPoint, kind: type) -> Installed:
    source = f'{point.dist.name} {point.dist.version}' if point.dist else 'unknown'
    try:
        contract = point.load()
    except Exception as error:  # somebody else's code: any error of it is only listed
        return Installed(point.name, source, None, f'{type(error).__name__}: {_first_line(error)}')
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


NOTHING_INSTALLED = ('none; entry points need installed metadata, which a folder on PYTHONPATH '
                     'does not have: pip install -e . where its setup.cfg lies')


def _folder(package: str) -> Path | None:
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ['no message'])[0]
