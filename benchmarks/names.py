"""Which benchmarks there are; looking it up loads none of them."""
from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch

from sparse3d.errors import ConfigError
from sparse3d.plugins import near, offers

# Not in 'all': they take long, need data sets or processes of their own, or a quiet machine.
# docs/results.md has the command of each.
APART = ('busy_demo', 'waiting_threads', 'freed_memory', 'data', 'data_memory', 'growth', 'range',
         'scale', 'dense_parts', 'nuscenes_metric', 'exported_*')


def is_apart(name: str) -> bool:
    """Whether a benchmark runs only when it is named."""
    return any(fnmatch(name, pattern) for pattern in APART)


def chosen(names: Sequence[str]) -> list[str]:
    """The names of the benchmarks meant; ``'all'`` are those of an hour together.

    Raises:
        ConfigError: for an unknown name.
    """
    there = offers('benchmarks')
    for name in names:
        if name != 'all' and name not in there:
            raise ConfigError(f'there is no benchmark {name!r}{near(name, there)}')
    named = [name for name in names if name != 'all']
    usual = [name for name in there if not is_apart(name)] if 'all' in names else []
    return [*usual, *(name for name in named if name not in usual)]
