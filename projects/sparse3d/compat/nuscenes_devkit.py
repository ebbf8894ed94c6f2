"""mmdet3d without the nuscenes-devkit.

Wrong upstream (mmdet3d 1.4.0): ``mmdet3d.datasets`` and ``mmdet3d.evaluation`` import the
nuscenes-devkit when they are loaded, whatever the data are, and the devkit's metadata (1.2.0) ask
for ``numpy<2``: with NumPy 2 no data set and no metric of mmdet3d can be had.

Repair, only where the devkit is not installed: while the two modules that import it are loaded,
stand-ins take its place. They are gone afterwards, so that ``import nuscenes`` fails as it should;
what mmdet3d took of them (its own ``NuScenesMetric``, its preparation of nuScenes) says what is
missing when it is used.

Needed by: every version of mmdet3d up to 1.4.0, in an environment without the devkit.
"""
from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from sparse3d.errors import BackendUnavailable

IMPORTED = ('nuscenes', 'nuscenes.eval', 'nuscenes.eval.detection',
            'nuscenes.eval.detection.config', 'nuscenes.eval.detection.data_classes',
            'nuscenes.utils', 'nuscenes.utils.data_classes', 'nuscenes.utils.geometry_utils')
IMPORTING = ('mmdet3d.datasets.convert_utils', 'mmdet3d.evaluation.metrics.nuscenes_metric')


def apply_patch() -> None:
    """Load the modules of mmdet3d that import the devkit, if it is not there."""
    if all(name in sys.modules for name in IMPORTING) or devkit_is_installed():
        return
    stand_ins = {name: StandIn(name) for name in IMPORTED}
    sys.modules.update(stand_ins)
    try:
        for name in IMPORTING:
            import_module(name)
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


def devkit_is_installed() -> bool:
    """Whether ``import nuscenes`` would find something."""
    try:
        return find_spec('nuscenes') is not None
    except ModuleNotFoundError:  # something keeps it from being imported
        return False


class StandIn(ModuleType):
    """A module of the devkit in which every name is a class that cannot be used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__'):
            raise AttributeError(name)
        return type(name, (Unavailable,), {'__module__': self.__name__})


class Unavailable:
    """Something of the devkit, which is not installed."""

    def __new__(cls, *arguments: Any, **options: Any) -> Unavailable:
        """Say what is missing.

        Raises:
            BackendUnavailable: always.
        """
        raise BackendUnavailable(
            f'{cls.__name__} of {cls.__module__} needs the nuscenes-devkit, which is not '
            f'installed (pip install --no-deps nuscenes-devkit==1.2.0, pyquaternion, matplotlib '
            f'and scikit-learn beside it); NuScenesDetectionMetric and "sparse3d create-data '
            f'nuscenes" do without')
