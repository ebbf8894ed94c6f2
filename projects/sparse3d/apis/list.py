"""What is installed, one line each: what ``list`` prints."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path

from sparse3d.errors import PluginError
from sparse3d.plugins import (
    DataSet,
    Installed,
    Plugin,
    config_files,
    data_sets,
    installed_data_sets,
    installed_plugins,
    offers,
    plugins,
    register,
)


def list_lines(kind: str, words: Sequence[str] = ()) -> list[str]:
    """A line for each thing of a kind; importing what is listed is left out where it can be.

    Args:
        kind: a key of ``KINDS``.
        words: only lines that have all of these, whatever their case; one with ``*``, ``?`` or
            ``[`` is the pattern of a name.

    Raises:
        PluginError: if two things have one name, or no line has the words.
    """
    lines = list(KINDS[kind]())
    chosen = [line for line in lines if all(_has(line, word) for word in words)]
    if words and not chosen:
        names = [line.split()[0] for line in lines]
        close = get_close_matches(words[0], names, n=3, cutoff=0.5)
        raise PluginError(f'none of the {len(lines)} {kind} has {" and ".join(map(repr, words))}'
                          + (f'; did you mean {", ".join(close)}?' if close else ''))
    return chosen


def _has(line: str, word: str) -> bool:
    if any(sign in word for sign in '*?['):
        return fnmatch(line.split()[0].lower(), word.lower())
    return word.lower() in line.lower()


def _configs() -> Iterator[str]:
    files = config_files()
    for name, path in files.items():
        yield _columns(name, _about(path))


def _about(path: Path) -> str:
    """The comment in the first line of a config."""
    first = path.read_text().partition('\n')[0]
    return first.lstrip('# ').strip() if first.startswith('#') else ''


def _modules() -> Iterator[str]:
    import sparse3d.register  # noqa: F401
    register(plugins().values())  # a broken one is listed by `list plugins`
    owners: list[Plugin | DataSet] = [*plugins().values(), *data_sets().values()]
    return _own_types({'sparse3d', *(module.partition('.')[0] for owner in owners
                                     for module in owner.modules)})


def _own_types(packages: set[str]) -> Iterator[str]:
    """Registered types that the core, a plug-in or a data set defines: name, registry, module."""
    import mmdet3d.registry
    from mmengine.registry import Registry
    lines = set()
    for registry in vars(mmdet3d.registry).values():
        while isinstance(registry, Registry):
            for name, found in registry.module_dict.items():
                module = getattr(found, '__module__', '')
                if module.partition('.')[0] in packages:
                    lines.add(_columns(name, f'{registry.name}: {module}'))
            registry = registry.parent
    yield from sorted(lines)


def _plugins() -> Iterator[str]:
    return map(_plugin_line, installed_plugins())


def _plugin_line(item: Installed[Plugin]) -> str:
    if item.contract is None:
        return _broken(item)
    offered = [kind for kind in ('benchmarks', 'exporters', 'pictures')
               if getattr(item.contract, kind)]
    offered += [name for name in ('convert', 'stream') if getattr(item.contract, name)]
    return _columns(item.contract.name, _offers(item.distribution, offered, item.contract.docs))


def _data_sets() -> Iterator[str]:
    return map(_data_set_line, installed_data_sets())


def _data_set_line(item: Installed[DataSet]) -> str:
    if item.contract is None:
        return _broken(item)
    offered = [verb for verb in ('prepare', 'check', 'upgrade', 'simulate', 'crops')
               if getattr(item.contract, verb)]
    return _columns(item.contract.name, _offers(item.distribution, offered, item.contract.docs))


def _broken(item: Installed) -> str:
    return _columns(item.name, f'{item.distribution}: cannot be used: {item.error}')


def _references(offered: dict[str, str]) -> Iterator[str]:
    return (_columns(name, reference) for name, reference in offered.items())


def _columns(name: str, about: str) -> str:
    return f'{name:32s} {about}'.rstrip()


def _offers(distribution: str, offered: Iterable[str], docs: str) -> str:
    words = ', '.join(offered) or 'nothing beside its modules'
    return f'{distribution}: {words}' + (f'; see {docs}' if docs else '')


KINDS: dict[str, Callable[[], Iterable[str]]] = {
    'configs': _configs,
    'modules': _modules,
    'plugins': _plugins,
    'datasets': _data_sets,
    'pictures': lambda: _references(offers('pictures')),
    'exporters': lambda: _references(offers('exporters')),
    'benchmarks': lambda: _references(offers('benchmarks')),
}
