"""The shared core of Sparse3D: data, operators, evaluation, visualization.

Importing this package lets waiting threads sleep (``sparse3d.passive_wait``, before
anything loads torch), repairs the installed stack (``sparse3d.stack``) and registers the
core's datasets, transforms, metrics, hooks, schedules and detectors, so
that ``custom_imports = dict(imports=['sparse3d'])`` is all a config needs.
"""
from sparse3d import passive_wait  # noqa: F401, I001  (before torch is loaded)
from sparse3d import stack

stack.apply_patch()

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
