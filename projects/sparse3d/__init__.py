"""Sparse3D: one home for sparse 3D perception.

Importing this package is light: it lets waiting threads sleep (``sparse3d.passive_wait``,
before anything loads torch) and loads nothing of the stack. ``import sparse3d.register``
repairs the installed stack and registers the core with mmdet3d; plug-ins and the config loader do
so by themselves. Rooms are attributes and are imported when they are asked for.
"""
from __future__ import annotations

from importlib import import_module
from types import ModuleType

from sparse3d import passive_wait  # noqa: F401, I001  (before torch is loaded)
from sparse3d.version import __version__

__all__ = ['__version__']


def __getattr__(name: str) -> ModuleType:
    """A room of the core, imported when it is asked for: ``sparse3d.apis``."""
    whole = f'{__name__}.{name}'
    try:
        if not name.startswith('_'):
            return import_module(whole)
    except ModuleNotFoundError as error:
        if error.name != whole:
            raise
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
