"""Installed distributions that a test makes, with contracts of their own."""
from __future__ import annotations

import importlib
import sys

import pytest


@pytest.fixture
def distributions(tmp_path, monkeypatch):
    """A folder on the path whose distributions are made by a call; caches are emptied around it.

    Arguments: name of the distribution, its module and that module's text, the entry point's
    group and name; the contract is ``plugin`` or ``data_set`` of the module.
    """
    from sparse3d import plugins
    monkeypatch.syspath_prepend(str(tmp_path))

    def clear() -> None:
        importlib.invalidate_caches()
        plugins.installed_plugins.cache_clear()
        plugins.installed_data_sets.cache_clear()

    def add(distribution: str, module: str, source: str,
            group: str = 'sparse3d.plugins', name: str = 'example') -> None:
        (tmp_path / f'{module}.py').write_text(source)
        meta = tmp_path / f'{distribution.replace("-", "_")}-1.0.dist-info'
        meta.mkdir()
        (meta / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {distribution}\n'
                                       'Version: 1.0\n')
        attribute = 'plugin' if group == plugins.PLUGIN_GROUP else 'data_set'
        (meta / 'entry_points.txt').write_text(f'[{group}]\n{name} = {module}:{attribute}\n')
        clear()

    yield add
    clear()
    for module in [key for key in sys.modules if key.startswith('zz_')]:
        del sys.modules[module]
