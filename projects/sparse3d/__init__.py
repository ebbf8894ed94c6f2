"""The shared core of Sparse3D: data, operators, evaluation, visualization.

Importing this package repairs the installed stack (``sparse3d.stack``) and
registers the core's datasets, transforms, metrics, hooks, schedules and detectors, so
that ``custom_imports = dict(imports=['sparse3d'])`` is all a config needs.
"""
from sparse3d import stack

stack.repair()

from sparse3d import (  # noqa: E402, F401
    datasets,
    detectors,
    evaluation,
    heads,
    hooks,
    schedules,
)
from sparse3d.ops import grid_mask, photometric_distortion  # noqa: E402, F401
from sparse3d.version import __version__  # noqa: E402

__all__ = ['__version__']
