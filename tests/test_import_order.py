"""Imports run down the list of rooms, and never in a circle.

Counted are all imports: those of a module, those inside functions, those for types only, and the
``__init__`` of every package on the way to what is imported.
"""
from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = ROOT / 'projects'
Sources = Mapping[str, str]  # name of a module -> its text
Graph = Mapping[str, set[str]]  # name of a module -> those that it imports

# From the bottom up; what stands in one line may import each other.
ORDER: tuple[tuple[str, ...], ...] = (
    ('sparse3d.__init__', 'sparse3d.errors', 'sparse3d.version', 'sparse3d.atomic_files',
     'sparse3d.safe_pickle', 'sparse3d.pickle_opcodes', 'sparse3d.nested_tuples',
     'sparse3d.plain_pickle',
     'sparse3d.passive_wait', 'sparse3d.stored_config', 'sparse3d.plugins',
     'sparse3d.first_bytes', 'sparse3d.argument_objects', 'sparse3d.published',
     'sparse3d.config_names', 'sparse3d.remote_paths', 'sparse3d.remote_files',
     'sparse3d.no_checkpoint'),
    ('sparse3d.parallel',),
    ('sparse3d.ops', 'sparse3d.structures'),
    ('sparse3d.compat',),
    ('sparse3d.transforms',),
    ('sparse3d.preparation', 'sparse3d.simulate', 'sparse3d.visualization'),
    ('sparse3d.metrics', 'sparse3d.models', 'sparse3d.checkpoints'),
    ('sparse3d.pretraining', 'sparse3d.weight_sparsity'),
    ('sparse3d.engine',),
    ('sparse3d.datasets',),
    ('sparse3d.tracking', 'sparse3d.deploy'),
    ('sparse3d.recordings',),
    ('sparse3d.register',),
    ('sparse3d.apis',),
)
ABOVE_ALL = len(ORDER)  # sparse3d_cli, plug-ins, benchmarks
# The config loader makes everything known when it is called.
EXCEPTIONS = {('sparse3d.engine.load_config', 'sparse3d.register')}


def level(module: str) -> int:
    """Place in the order; the higher may import the lower."""
    if module.split('.')[0] != 'sparse3d' or module == 'sparse3d.__main__':
        return ABOVE_ALL
    room = '.'.join(module.split('.')[:2])
    found = [number for number, rooms in enumerate(ORDER) if room in rooms]
    assert found, f'{module} stands in no room of the list'
    return found[0]


def imports(module: str, sources: Sources) -> set[str]:
    """Modules among ``sources`` that a module imports, with the packages on the way.

    A package is ``name.__init__``. Packages around the module itself are left out: they are
    there before it.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(sources[module])):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found |= _with_packages(alias.name, sources)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                whole = f'{node.module}.{alias.name}'
                found |= _with_packages(whole if _known(whole, sources) else node.module, sources)
    around = {f'{package}.__init__' for package in _packages(module)}
    return found - around - {module}


def _known(name: str, sources: Sources) -> bool:
    return name in sources or f'{name}.__init__' in sources


def _packages(name: str) -> list[str]:
    parts = name.split('.')
    return ['.'.join(parts[:length]) for length in range(1, len(parts))]


def _with_packages(name: str, sources: Sources) -> set[str]:
    steps = [f'{package}.__init__' for package in [*_packages(name), name]]
    return {step for step in [*steps, name] if step in sources}


def graph_of(sources: Sources) -> Graph:
    """What each module imports, the known exceptions left out."""
    return {module: {other for other in imports(module, sources)
                     if (module, other) not in EXCEPTIONS} for module in sources}


def upward(graph: Graph) -> list[tuple[str, str]]:
    """Pairs (module, what it imports) that run against the order."""
    return sorted((module, other) for module, others in graph.items() for other in others
                  if level(other) > level(module))


def circle(graph: Graph) -> list[str]:
    """Modules that import each other in a circle; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@cache
def house() -> Graph:
    """Every module of the source tree and what it imports."""
    folders = {path.parent.name: path.parent.resolve() for path in PROJECTS.glob('*/__init__.py')}
    return graph_of({
        '.'.join((package, *path.relative_to(folder).with_suffix('').parts)): path.read_text()
        for package, folder in folders.items() for path in folder.rglob('*.py')})


def test_a_step_up_and_a_circle_are_found():
    low, high = 'sparse3d.ops.a', 'sparse3d.engine.b'
    sources = {low: 'def f():\n    from sparse3d.engine import b', high: 'import sparse3d.ops.a'}
    assert upward(graph_of(sources)) == [(low, high)]
    assert set(circle(graph_of(sources))) == {low, high}
    rightly = graph_of({low: '', high: 'from sparse3d.ops.a import c'})
    assert upward(rightly) == circle(rightly) == []


def test_a_package_counts_as_imported_on_the_way_to_its_modules():
    sources = {'sparse3d.ops.__init__': 'from sparse3d.ops.a import f', 'sparse3d.ops.a': '',
               'sparse3d.structures.b': 'from sparse3d.ops import a'}
    assert imports('sparse3d.structures.b', sources) == {'sparse3d.ops.__init__', 'sparse3d.ops.a'}
    assert imports('sparse3d.ops.a', {**sources, 'sparse3d.ops.a': 'import sparse3d.ops'}) == set()


def test_imports_run_down_the_list():
    assert upward(house()) == []


def judged_by_themselves(graph: Graph) -> list[tuple[str, str]]:
    """Pairs (simulator, reader): what writes drives may know nothing of what reads them."""
    return sorted((module, other) for module, others in graph.items() for other in others
                  if '.simulate.' in module and module.startswith('sparse3d.datasets.')
                  and other.split('.')[3:4] in (['prepare'], ['evaluate']))


def test_simulators_import_nothing_of_readers_and_metrics():
    low, high = 'sparse3d.datasets.a.simulate.b', 'sparse3d.datasets.a.prepare.c'
    assert judged_by_themselves(graph_of({low: f'import {high}', high: ''})) == [(low, high)]
    assert judged_by_themselves(house()) == []


def test_no_imports_run_in_a_circle():
    assert circle(house()) == []
