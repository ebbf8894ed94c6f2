"""Layers of mmdet and mmcv that save memory without reentrant autograd.

Wrong upstream (mmdet 3.2.0, mmcv 2.1.0): ``with_cp=True`` calls
``torch.utils.checkpoint.checkpoint`` without ``use_reentrant``. torch then takes the reentrant
kind, warns that a later release will raise, and ``torch.autograd.grad`` through it raises.

Repair: in these modules ``checkpoint`` is not reentrant; same outputs and gradients.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mmcv.cnn  # noqa: F401  (loads the modules that are repaired)
import mmdet.models  # noqa: F401
from torch.utils import checkpoint as upstream

_PACKAGES = ('mmdet.', 'mmcv.')
_NAMES = ('cp', 'checkpoint')  # under which they import torch's module or function


def apply_patch() -> None:
    """Let modules of mmdet and mmcv call :func:`checkpoint` in place of torch's."""
    for module in [item for name, item in sys.modules.items() if name.startswith(_PACKAGES)]:
        for name in _NAMES:
            found = vars(module).get(name)
            if found is upstream:
                setattr(module, name, SimpleNamespace(checkpoint=checkpoint))
            elif found is upstream.checkpoint:
                setattr(module, name, checkpoint)


def checkpoint(function: Callable, *inputs: Any, **options: Any) -> Any:
    """``torch.utils.checkpoint.checkpoint``, not reentrant unless ``options`` say so."""
    return upstream.checkpoint(function, *inputs, **{'use_reentrant': False, **options})
