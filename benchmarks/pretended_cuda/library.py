"""The pretended device's part in C++: compiled once, loaded before torch, switched on later."""
from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from sparse3d.atomic_files import atomic_path, make_folder

SOURCE = Path(__file__).with_name('device.cpp')
_loaded: list[ctypes.CDLL] = []


class NoPretendedDevice(RuntimeError):
    """Why there can be no pretended device in this process."""


class CudaBuild(NoPretendedDevice):
    """This PyTorch knows the real device."""


def prepare() -> None:
    """Compile and load the library; to be called before anything imports torch.

    Nothing changes for torch until :func:`switch_on`. A second call does nothing.

    Raises:
        CudaBuild: with a CUDA build of PyTorch.
        NoPretendedDevice: after torch, or without a compiler.
        UnwritableFile: if the library cannot be kept.
    """
    if _loaded:
        return
    found = importlib.util.find_spec('torch')
    if found is None or found.origin is None:
        raise NoPretendedDevice('torch is not installed')
    torch = Path(found.origin).parent
    if (torch / 'lib' / 'libtorch_cuda.so').exists():
        raise CudaBuild('this is a CUDA build of PyTorch: nothing to pretend')
    if 'torch' in sys.modules:
        raise NoPretendedDevice('torch was imported before the pretended device was prepared')
    library = _compiled(torch)
    for path in (torch / 'lib' / 'libc10.so', torch / 'lib' / 'libtorch_cpu.so', library):
        _loaded.append(ctypes.CDLL(os.fspath(path), mode=ctypes.RTLD_GLOBAL))


def switch_on() -> None:
    """From now on this process has the device; there is no way back.

    To be called in a process of its own, such as a forked child: what follows sees a GPU.

    Raises:
        NoPretendedDevice: without :func:`prepare`.
    """
    if not _loaded:
        prepare()
    import torch
    torch.ones(1, requires_grad=True).sum().backward()  # autograd starts, and is then started anew
    _loaded[-1].pretend_cuda()


def _compiled(torch: Path) -> Path:
    """The library for this PyTorch and this source, kept in the user's cache."""
    text = SOURCE.read_bytes() + importlib.metadata.version('torch').encode()
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'sparse3d'
    library = cache / f'pretended_cuda_{hashlib.sha256(text).hexdigest()[:16]}.so'
    if library.exists():
        return library
    make_folder(cache)
    with atomic_path(library) as unfinished:
        command = ['g++', '-std=c++20', '-O1', '-w', '-shared', '-fPIC',
                   '-fno-access-control',  # of autograd's engine a protected function is called
                   os.fspath(SOURCE), f'-I{torch}/include', f'-L{torch}/lib', '-lc10',
                   '-ltorch_cpu', '-o', os.fspath(unfinished)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, 'stderr', '') or str(error)).strip().splitlines()[:1]
            raise NoPretendedDevice(
                f'{SOURCE.name} cannot be compiled: {"".join(said)}') from error
    return library
