"""What the operating system must bring, by Debian's package names."""
from __future__ import annotations

import ctypes.util
import glob
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SystemPackage:
    """One Debian package, what it is for and how its presence shows."""

    name: str
    purpose: str
    installed: Callable[[], bool]
    essential: bool  # False: only pictures need it


def _library(name: str) -> Callable[[], bool]:
    return lambda: ctypes.util.find_library(name) is not None


def _compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get('CXX', 'g++'), 'c++'))


def _python_headers() -> bool:
    return os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h'))


def _venv_works() -> bool:
    return all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip'))


def _vulkan_driver() -> bool:
    folders = ('/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d')
    return any(glob.glob(folder + '/*.json') for folder in folders)


def _packages() -> list[SystemPackage]:
    python = f'python{sys.version_info.major}.{sys.version_info.minor}'
    return [
        SystemPackage('g++', 'compiles mmcv', _compiler, True),
        SystemPackage('make', 'runs the commands', lambda: bool(shutil.which('make')), True),
        SystemPackage(f'{python}-venv', 'makes the environment', _venv_works, True),
        SystemPackage(f'{python}-dev', 'headers to compile mmcv', _python_headers, True),
        SystemPackage('libgomp1', 'threads of torch and open3d', _library('gomp'), True),
        SystemPackage('libgl1', 'open3d', _library('GL'), True),
        SystemPackage('libusb-1.0-0', 'open3d', _library('usb-1.0'), True),
        SystemPackage('libvulkan1', '3D pictures without a display', _library('vulkan'), False),
        SystemPackage('mesa-vulkan-drivers', '3D pictures without a GPU', _vulkan_driver, False),
    ]


def missing_packages() -> list[SystemPackage]:
    """Packages whose files are not found on this machine."""
    return [package for package in _packages() if not package.installed()]


def install_line(packages: list[SystemPackage]) -> str:
    """The one line to paste that installs ``packages`` on Debian or Ubuntu."""
    names = ' '.join(package.name for package in packages)
    sudo = '' if os.geteuid() == 0 else 'sudo '
    return f'{sudo}apt-get update && {sudo}apt-get install -y {names}'


def may_install() -> bool:
    """True for root on a machine with apt-get."""
    return os.geteuid() == 0 and shutil.which('apt-get') is not None


def apt_commands(packages: list[SystemPackage]) -> list[list[str]]:
    """The commands behind :func:`install_line`, for root."""
    names = [package.name for package in packages]
    return [['apt-get', 'update', '-q'],
            ['apt-get', 'install', '-y', '-q', '--no-install-recommends', *names]]


def has_nvidia_gpu() -> bool:
    """True if the NVIDIA driver answers."""
    if not shutil.which('nvidia-smi'):
        return False
    return subprocess.run(['nvidia-smi', '-L'], capture_output=True).returncode == 0
