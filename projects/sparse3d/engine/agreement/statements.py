"""What the parts of a config state about data and model, and where."""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sparse3d.argument_objects import argument_objects_of, defaults_of
from sparse3d.engine.registered import find_registered

# (kind, value, key of the part that says so); a value of None states nothing.
Reading = Iterable[tuple[str, Any, str]]
Reader = Callable[[Mapping[str, Any]], Reading]
READERS: dict[str, list[Reader]] = {}
FILE_READERS: set[Reader] = set()  # of transforms that read files
LAST_ONE_COUNTS = frozenset({'data.columns', 'data.file_columns'})  # of the steps of a pipeline


@dataclass(frozen=True)
class Statement:
    """One value in one place.

    Attributes:
        kind: what it is about, as :data:`sparse3d.engine.agreement.table.ROWS` names it:
            ``'data.frames'``.
        value: a number, or a list of numbers or names.
        place: where it stands: ``'train_dataloader.dataset.frames.num_frames'``.
    """

    kind: str
    value: Any
    place: str


def states(*types: str, reads_files: bool = False) -> Callable[[Reader], Reader]:
    """Register what parts of these ``type`` names, and of classes derived from them, state.

    Args:
        types: registered names.
        reads_files: whether these are transforms that read files, which are compared with what the
            files have; they keep their arguments as attributes of the same names.

    The function gets the part of the config, with the defaults of the class filled in, and
    gives ``(kind, value, key)``::

        @states('NameOfTheType')
        def statements_of_head(config):
            yield 'model.frames', config['num_frames'], 'num_frames'
    """
    def register(reader: Reader) -> Reader:
        for name in types:
            READERS.setdefault(name, []).append(reader)
        if reads_files:
            FILE_READERS.add(reader)
        return reader

    return register


def statements_in(node: Any, place: str) -> list[Statement]:
    """All that a part of a config states, with the parts inside it.

    Args:
        node: dict, list or anything else of a config.
        place: dotted key of the node.
    """
    found: list[Statement] = []
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str):
            found += _stated(find_registered(node['type']), node['type'], node, place)
        for key, value in node.items():
            found += statements_in(value, f'{place}.{key}')
    elif isinstance(node, list | tuple):
        inside = [statement for number, item in enumerate(node)
                  for statement in statements_in(item, f'{place}.{number}')]
        last = {statement.kind: statement for statement in inside}
        found += [statement for statement in inside if statement.kind not in LAST_ONE_COUNTS
                  or statement is last[statement.kind]]
    return found


def statements_of_loader(transform: Any) -> list[Statement]:
    """What a transform that reads files states when it is built; nothing of other transforms."""
    name = type(transform).__name__
    return list(_stated(type(transform), name, vars(transform), name, of_files=True))


def _stated(owner: Callable | None, name: str, node: Mapping, place: str,
            of_files: bool = False) -> Iterator[Statement]:
    layers = inspect.getmro(owner) if inspect.isclass(owner) else ()
    names = dict.fromkeys([*(layer.__name__ for layer in layers), name.rpartition('.')[2]])
    readers = [reader for each in names for reader in READERS.get(each, ())
               if not of_files or reader in FILE_READERS]
    filled = _filled(owner, layers, node) if readers else {}
    for reader in dict.fromkeys(readers):
        for kind, value, key in reader(filled):
            if value is not None:
                yield Statement(kind, value, f'{place}.{key}')


def _filled(owner: Callable | None, layers: Iterable[type], node: Mapping) -> dict[str, Any]:
    """A part of a config with the defaults of its class, those of its argument objects too."""
    filled = {**_defaults(layers), **node}
    for name, kind in argument_objects_of(owner).items():
        given = filled.get(name)
        if given is None or isinstance(given, Mapping):
            filled[name] = {**defaults_of(kind), **(given or {})}
    return filled


def _defaults(layers: Iterable[type]) -> dict[str, Any]:
    """Arguments of a class and its bases that have a default."""
    found: dict[str, Any] = {}
    for layer in layers:
        start = vars(layer).get('__init__')
        if inspect.isfunction(start):
            for name, parameter in inspect.signature(start).parameters.items():
                if parameter.default is not inspect.Parameter.empty:
                    found.setdefault(name, parameter.default)
    return found
