"""Build of mmcv's wheel: its operators have no wheel for a current PyTorch.

Most of the time of a plain build goes into reading torch's headers once for
each of the 77 C++ files. Compiling them in four groups reads the headers four
times and gives the same operators in about a minute on two cores.
"""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

GROUPS = 4
# Each defines static helpers under names that another one uses as well: one to a group.
SAME_NAMES = ('cpu/bezier_align.cpp', 'cpu/roi_align.cpp',
              'cpu/roi_align_rotated.cpp', 'cpu/rotated_feature_align.cpp')
# psamask.cpp defines macros called min and max: nothing may follow it.
LAST = ('pybind.cpp', 'cpu/psamask.cpp')
# mmcv's setup.py reads its version with exec() and locals() in a function. From Python 3.13 on
# (PEP 667) exec() leaves nothing in the function's own names; here it does, as it did before.
EXEC_AS_BEFORE = '''\
import builtins
import sys

_exec = builtins.exec


def exec_in_caller(code, *spaces, **options):
    if spaces or options:
        return _exec(code, *spaces, **options)
    frame = sys._getframe(1)
    return _exec(code, frame.f_globals, frame.f_locals)


builtins.exec = exec_in_caller
'''


def group_sources(source: Path) -> None:
    """Replace the C++ files of an unpacked mmcv by ``GROUPS`` files that include them."""
    folder = source / 'mmcv/ops/csrc/pytorch'
    names = sorted(str(path.relative_to(folder))
                   for pattern in ('*.cpp', 'cpu/*.cpp') for path in folder.glob(pattern))
    (folder / 'grouped/cpu').mkdir(parents=True)
    for name in names:
        (folder / name).rename(folder / 'grouped' / name)
    for number, group in enumerate(_groups(names)):
        lines = ''.join(f'#include "grouped/{name}"\n' for name in group)
        (folder / f'group_{number}.cpp').write_text(lines)


def _groups(names: list[str]) -> list[list[str]]:
    free = [name for name in names if name not in SAME_NAMES + LAST]
    groups = [[SAME_NAMES[i], *free[i::GROUPS]] for i in range(GROUPS)]
    groups[-1].extend(LAST)
    return groups


def build_environment(cuda: bool, quick: bool, jobs: int) -> dict[str, str]:
    """Environment variables for mmcv's ``setup.py bdist_wheel``."""
    environment = dict(os.environ, MMCV_WITH_OPS='1', MAX_JOBS=str(jobs))
    environment.pop('FORCE_CUDA', None)
    if cuda:
        environment['FORCE_CUDA'] = '1'
    else:
        environment['CUDA_VISIBLE_DEVICES'] = ''  # else a GPU without nvcc makes the build fail
    if quick:
        environment.setdefault('CFLAGS', '-O2 -g0 -DNDEBUG')
    return environment


def with_exec_as_before(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables under which Python runs mmcv's ``setup.py`` as before Python 3.13.

    Args:
        folder: where the file for it is put.
        environment: to begin with.
    """
    (folder / 'sitecustomize.py').write_text(EXEC_AS_BEFORE)
    places = [str(folder), environment.get('PYTHONPATH', '')]
    return {**environment, 'PYTHONPATH': os.pathsep.join(filter(None, places))}


def wheel_folder(cache: Path, python_tag: str, torch_version: str, cuda: bool) -> Path:
    """Where the wheel for this Python, torch and kind of build is kept."""
    torch_name = re.sub(r'[^0-9A-Za-z.]+', '_', torch_version)
    return cache / f'{python_tag}-torch_{torch_name}-{"cuda" if cuda else "cpu"}'
