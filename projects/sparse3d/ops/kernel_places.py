"""Where compiled kernels are kept, and which of the files there are trusted.

A kernel library is code that runs with the rights of the user, so only a file is loaded that its
list names with its digest, in a folder that nobody else may write to.
"""
from __future__ import annotations

import hashlib
import json
import os
import platform
import stat
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

SETTING = 'SPARSE3D_KERNELS'    # a folder to look in and build into, or 'off'
SOURCES = Path(__file__).with_name('kernels')
FLAGS = ('-std=c++17', '-O3', '-fPIC', '-shared', '-ffp-contract=fast')
# Of the instructions that torch itself uses here; elsewhere what the compiler takes for granted.
BY_LEVEL = {
    'AVX512': ('-mavx512f', '-mavx512vl', '-mavx512bw', '-mavx512dq', '-mavx2', '-mfma'),
    'AVX2': ('-mavx2', '-mfma')}
BUILD = 'sparse3d doctor --compile builds them'


@dataclass(frozen=True)
class KernelFile:
    """A library that may be loaded, or why there is none."""

    path: Path | None
    lack: str = ''
    compiler: str = ''


@cache
def source_files() -> tuple[Path, ...]:
    """What is compiled; the headers among them are only part of the key."""
    return tuple(sorted(SOURCES.glob('*.cpp')))


@cache
def level() -> str:
    """Widest vectors of this processor, as torch names them (``ATEN_CPU_CAPABILITY`` lowers it)."""
    return torch.backends.cpu.get_cpu_capability()


@cache
def key() -> str:
    """Changes with the sources, the flags and the processor's instructions."""
    digest = hashlib.sha256(repr((FLAGS, level(), platform.machine(), sys.platform)).encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.name.encode() + b'\0' + path.read_bytes())
    return digest.hexdigest()[:16]


def is_off() -> bool:
    return os.environ.get(SETTING, '').lower() == 'off'


def folders() -> list[Path]:
    """Folders to look in, the first that can be written to takes a new build."""
    named = os.environ.get(SETTING)
    if named:
        return [Path(os.path.expanduser(named))]
    cache_folder = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    # A user whom the system does not know, as in some containers, has no home: the ~ stays.
    found = [] if cache_folder.startswith('~') else [Path(cache_folder) / 'sparse3d' / 'kernels']
    if sys.prefix != sys.base_prefix:  # of an environment, it goes where the environment goes
        found.insert(0, Path(sys.prefix) / 'share' / 'sparse3d' / 'kernels')
    return found


def list_file(folder: Path) -> Path:
    """The list that names the library of this key in a folder."""
    return folder / f'{key()}.json'


def usable_file() -> KernelFile:
    """The first trusted library of this key."""
    if is_off():
        return KernelFile(None, f'is switched off by {SETTING}')
    lacks = []
    for folder in folders():
        if os.path.isfile(list_file(folder)):  # False also where we may not look
            found = _listed(folder)
            if found.path:
                return found
            lacks.append(found.lack)
    return KernelFile(None, lacks[0] if lacks else f'finds no compiled kernels ({BUILD})')


def _listed(folder: Path) -> KernelFile:
    try:
        listed = json.loads(list_file(folder).read_text())
        path = folder / Path(listed['file']).name
        for place in (folder, list_file(folder), path):
            if not is_only_ours(place):
                return KernelFile(None, f'does not trust {place}, which others may write to; make '
                                  f'it writable to you alone')
        if hashlib.sha256(path.read_bytes()).hexdigest() != listed['sha256']:
            return KernelFile(None, f'finds {path} damaged ({BUILD} anew)')
    except (OSError, ValueError, KeyError, TypeError) as error:
        return KernelFile(None, f'cannot read the kernels in {folder}: {type(error).__name__} '
                          f'({BUILD} anew)')
    return KernelFile(path, compiler=str(listed.get('compiler', '')))


def is_only_ours(path: Path) -> bool:
    """Whether nobody may write but us, root, or who could change this package anyway."""
    status = path.stat()
    owners = {os.getuid(), 0, Path(__file__).stat().st_uid}
    return status.st_uid in owners and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
