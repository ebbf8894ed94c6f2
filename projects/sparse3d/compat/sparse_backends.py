"""Which library convolves sparse tensors: spconv, spconv-triton, or our own operators.

No fault of the stack but a choice in it: ``'ours'`` on the CPU; on a GPU ``'spconv'``, or
``'spconv-triton'`` (PyPI, 1.0) where spconv has no kernels: its wheels end with CUDA 12.6, before
Blackwell (compute capability 10), and there are none for AMD. Layers, weights and checkpoints are
the same under all of them: the modules stay spconv's, what differs is what they call.

``SPARSE3D_SPARSE_CONVOLUTION=spconv-triton`` in the environment, or :func:`set_sparse_backend`,
asks for one by name.
"""
from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec

import torch

from sparse3d.ops.backends import AUTO, choose_backend

VARIABLE = 'SPARSE3D_SPARSE_CONVOLUTION'
OPERATOR = 'sparse convolution'
BLACKWELL = 10  # compute capability
INSTALL = 'pip install spconv-triton'
_by_name: str | None = None  # None: as the environment says


def set_sparse_backend(name: str | None) -> None:
    """Ask for a backend by name, for ``'auto'``, or with None for what the environment says.

    Raises:
        BackendUnavailable: for a name that there is not. Whether it can run is known, and said,
            when a tensor of some device comes.
    """
    global _by_name
    if name is not None:
        choose_backend(OPERATOR, name, dict.fromkeys(('spconv', 'spconv-triton', 'ours')))
    _by_name = name


def sparse_backend(device: torch.device | str) -> str:
    """``'ours'``, ``'spconv'`` or ``'spconv-triton'``, for tensors on ``device``.

    Raises:
        BackendUnavailable: if the one wanted, or none, can run there.
    """
    wanted = os.environ.get(VARIABLE) or AUTO if _by_name is None else _by_name
    return _chosen(wanted, torch.device(device))


@cache
def _chosen(wanted: str, device: torch.device) -> str:
    return choose_backend(OPERATOR, wanted, _backends(
        device.type, _compute_capability(device), _spconv_has_kernels(), _has_triton_package()))


def _backends(device: str, capability: int | None, spconv_has_kernels: bool,
              has_triton_package: bool) -> Mapping[str, str | None]:
    """Each backend and what keeps it from running, the best first; None as a capability: AMD."""
    if device == 'cpu':
        return {'ours': None, 'spconv': 'is wrong on a CPU with more than one thread',
                'spconv-triton': 'has kernels for GPUs only'}
    spconv = None
    if capability is None:
        spconv = 'has no kernels for AMD'
    elif not spconv_has_kernels:
        spconv = 'is installed without CUDA kernels'
    triton = None if has_triton_package else f'is not installed ({INSTALL})'
    backends = {'spconv': spconv, 'spconv-triton': triton}
    if capability is not None and capability >= BLACKWELL:
        backends = dict(reversed(backends.items()))
    return {**backends, 'ours': f'works on CPU tensors, not on {device}'}


def _compute_capability(device: torch.device) -> int | None:
    if torch.version.hip is not None:
        return None
    if device.type != 'cuda' or not torch.cuda.is_available():
        return 0
    return torch.cuda.get_device_capability(device)[0]


def _spconv_has_kernels() -> bool:
    from spconv.cppconstants import CPU_ONLY_BUILD
    return not CPU_ONLY_BUILD


def _has_triton_package() -> bool:
    return find_spec('spconv_triton') is not None
