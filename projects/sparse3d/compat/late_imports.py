"""Packages that the stack imports for a corner of itself, loaded when that corner is used.

mmengine, mmdet and mmdet3d import scikit-learn, pandas, matplotlib, motmetrics, seaborn, the
nuScenes and Lyft devkits and torch's FSDP for trackers, metrics and pictures that a training or a
detection may never touch: a third of the time of ``import sparse3d.register``.

While the stack is loaded, the modules named in ``LATE`` get stand-ins for what they import of these
packages. Nobody else does: nothing is put into ``sys.modules``, ``import sklearn`` of a user is the
real thing, and a package that is not installed fails as ever. A stand-in loads the package at its
first use (attribute, call, ``isinstance``, pickling, instance of a derived class).
"""
from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

# Who imports -> of which packages it gets stand-ins.
LATE: Mapping[str, tuple[str, ...]] = {
    'mmdet.models.dense_heads.paa_head': ('sklearn',),
    'mmdet.models.task_modules.tracking.interpolation': ('sklearn',),
    'mmdet.models.trackers.sort_tracker': ('motmetrics',),
    'mmdet.models.trackers.strongsort_tracker': ('motmetrics',),
    'mmdet.utils.mot_error_visualize': ('seaborn', 'matplotlib'),
    'mmdet.visualization.local_visualizer': ('seaborn',),
    'mmdet3d.datasets.convert_utils': ('nuscenes',),
    'mmdet3d.evaluation.functional.lyft_eval': ('lyft_dataset_sdk',),
    'mmdet3d.evaluation.metrics.lyft_metric': ('pandas', 'lyft_dataset_sdk'),
    'mmdet3d.evaluation.metrics.nuscenes_metric': ('nuscenes',),
    'mmdet3d.visualization.local_visualizer': ('matplotlib',),
    'mmengine.model.wrappers.fully_sharded_distributed': ('torch.distributed.fsdp',),
    'mmengine.optim.optimizer.zero_optimizer': ('torch.distributed.optim',),
    'mmengine._strategy.fsdp': ('torch.distributed.fsdp', 'torch.distributed.optim'),
}


@contextmanager
def late_imports(late: Mapping[str, tuple[str, ...]] = LATE) -> Iterator[None]:
    """Give stand-ins to the modules that ``late`` names, for the length of a block."""
    before = builtins.__import__

    def importing(name: str, globals: Mapping[str, Any] | None = None,
                  locals: Mapping[str, Any] | None = None, fromlist: Any = (), level: int = 0):
        importer = (globals or {}).get('__name__')
        if level == 0 and importer in late and _is_late(name, late[importer]):
            # `import a.b` binds a; `import a.b as c` and `from a.b import c` take a.b apart.
            return LateModule(name if fromlist else name.split('.')[0], importer)
        return before(name, globals, locals, fromlist, level)

    builtins.__import__ = importing
    try:
        yield
    finally:
        builtins.__import__ = before


def _is_late(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a package is among those, installed, and not loaded yet."""
    for package in packages:
        if name == package or name.startswith(f'{package}.'):
            return package not in sys.modules and _is_installed(package)
    return False


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):  # the real import then says what is wrong
        return False


class LateModule(ModuleType):
    """Stands for a module until something of it is used; names imported from it stand in too."""

    def __init__(self, name: str, importer: str) -> None:
        super().__init__(name)
        self.__dict__['_importer'] = importer

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        known = sys.modules.get(self.__name__)
        if known is not None and hasattr(known, name):
            return getattr(known, name)
        return LateName(self.__name__, name, self.__dict__['_importer'])

    def __reduce__(self):
        return import_module, (self.__name__,)


class LateName:
    """Stands for ``name`` of a module, loaded with it at the first use."""

    def __init__(self, module: str, name: str, importer: str) -> None:
        vars(self).update(_module=module, _name=name, _importer=importer)

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') and name.endswith('__'):
            raise AttributeError(name)  # asked for by inspection, not by use
        return getattr(real(self), name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return real(self)(*arguments, **options)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, real(self))

    def __subclasscheck__(self, other: type) -> bool:
        return issubclass(other, real(self))

    def __mro_entries__(self, bases: tuple) -> tuple[type, ...]:
        return (_late_base(self),)

    def __or__(self, other: Any) -> Any:  # of annotations
        return real(self) | other

    def __reduce__(self):
        return load_name, (self._module, self._name)

    def __repr__(self) -> str:
        return f'<{self._module}.{self._name}, not loaded yet>'


def load_name(module: str, name: str) -> Any:
    """What ``from module import name`` gives.

    Raises:
        ImportError: if there is no such name.
    """
    loaded = import_module(module)
    try:
        return getattr(loaded, name)
    except AttributeError:
        try:
            return import_module(f'{module}.{name}')
        except ModuleNotFoundError:
            raise ImportError(f'cannot import name {name!r} from {module!r}') from None


def real(stand_in: LateName) -> Any:
    """The real thing; from now on the importer has it under its own names."""
    found = load_name(stand_in._module, stand_in._name)
    importer = vars(sys.modules.get(stand_in._importer, ModuleType('gone')))
    for name, value in list(importer.items()):
        if value is stand_in:
            importer[name] = found
    return found


def _late_base(stand_in: LateName) -> type:
    """A base class that gives way to the real one when the first instance is made."""
    def new(cls: type, *arguments: Any, **options: Any) -> Any:
        found = real(stand_in)
        for derived in cls.__mro__:
            if base in derived.__bases__:
                derived.__bases__ = tuple(found if each is base else each
                                          for each in derived.__bases__)
        return cls.__new__(cls, *arguments, **options) if cls.__new__ is not object.__new__ \
            else object.__new__(cls)

    base = type(stand_in._name, (), {'__new__': new, '__module__': stand_in._module})
    return base
