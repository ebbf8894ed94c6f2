"""What the command lines and a user's own Python call; each name is imported when it is used."""
from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparse3d.apis.detector import Detector, load_detector
    from sparse3d.apis.test import test
    from sparse3d.apis.track import track
    from sparse3d.apis.train import TrainingResult, train
    from sparse3d.apis.visualize import visualize
    from sparse3d.engine.build_model import build_model
    from sparse3d.engine.load_config import load_config
    from sparse3d.structures.detections import Detections

__all__ = ['Detections', 'Detector', 'TrainingResult', 'build_model', 'load_config',
           'load_detector', 'test', 'track', 'train', 'visualize']
HOMES = {
    'Detections': 'sparse3d.structures.detections',
    'Detector': 'sparse3d.apis.detector',
    'TrainingResult': 'sparse3d.apis.train',
    'build_model': 'sparse3d.engine.build_model',
    'load_config': 'sparse3d.engine.load_config',
    'load_detector': 'sparse3d.apis.detector',
    'test': 'sparse3d.apis.test',
    'track': 'sparse3d.apis.track',
    'train': 'sparse3d.apis.train',
    'visualize': 'sparse3d.apis.visualize',
}


class _VerbsBeforeModules(ModuleType):
    """Python binds an imported module to its package; ``apis.train`` stays the verb."""

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, ModuleType) and HOMES.get(name) == value.__name__:
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _VerbsBeforeModules


def __getattr__(name: str) -> Any:
    """A verb or class, with the stack repaired and everything registered."""
    if name not in HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    import_module('sparse3d.register')
    found = globals()[name] = getattr(import_module(HOMES[name]), name)
    return found
