"""Which benchmarks there are; looking it up loads none of them."""
from __future__ import annotations

from collections.abc import Sequence

from sparse3d.errors import ConfigError
from sparse3d.plugins import near, offers


def chosen(names: Sequence[str]) -> list[str]:
    """The names of the benchmarks meant, ``'all'`` written out.

    Raises:
        ConfigError: for an unknown name.
    """
    there = offers('benchmarks')
    if 'all' in names:
        return list(there)
    for name in names:
        if name not in there:
            raise ConfigError(f'there is no benchmark {name!r}{near(name, there)}')
    return list(names)
