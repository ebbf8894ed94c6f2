"""Modules of mmdet3d, mmdet and mmcv that use names NumPy no longer has.

Wrong upstream (mmdet3d 1.4.0, mmdet 3.2.0, mmcv 2.1.0): ``np.long`` and ``np.float`` were removed
in NumPy 1.24 (``np.long`` came back in 2.0), ``np.in1d`` in 2.4. mmdet3d's ``ObjectSample`` asks
for ``np.long``, and so its own KITTI and Waymo configs end in the first batch; mmcv's
``pixel_group`` and mmdet's video evaluation ask for ``np.float``, mmdet3d's evaluation of ScanNet
instances for ``np.in1d``.

Repair: in these modules ``np`` also has the names that the installed NumPy lacks, with the meaning
they had. NumPy itself stays as it is.
"""
from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

MODULES = ('mmdet3d.datasets.transforms.dbsampler', 'mmcv.ops.pixel_group',
           'mmdet.evaluation.functional.ytviseval',
           'mmdet3d.evaluation.functional.scannet_utils.evaluate_semantic_instance')
REMOVED = {'long': np.int64, 'int': int, 'float': float, 'bool': bool, 'object': object,
           'in1d': np.isin}  # np.in1d was flat; the caller's arrays are


def apply_patch() -> None:
    """Give the modules a ``np`` with the removed names."""
    for name in MODULES:
        module = import_module(name)
        if not isinstance(module.np, NumpyWithRemovedNames):
            module.np = NumpyWithRemovedNames('numpy', np.__doc__)


class NumpyWithRemovedNames(ModuleType):
    """NumPy, and the names that it no longer has."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name) if hasattr(np, name) else REMOVED.get(name) or getattr(np, name)
