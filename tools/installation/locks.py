"""The rows of the matrix: an interpreter and the versions that it is tested with, in a lock file.

``constraints.txt`` is the lock of the main row (NumPy 1.26). mmdet3d 1.4.0 asks for the
nuscenes-devkit, and that for ``numpy<2``; nothing here needs the devkit. With a lock of NumPy 2,
mmdet3d is installed without its needs, and those of them that are needed are named.
"""
from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAIN = ROOT / 'constraints.txt'
# What mmdet3d 1.4.0 asks for, without the devkit.
NEEDED_BY_MMDET3D = ('lyft-dataset-sdk', 'networkx', 'numba', 'plyfile', 'scikit-image',
                     'tensorboard', 'trimesh')
WITHOUT_ITS_NEEDS = ('mmdet3d',)
NOT_WITH_NUMPY_2 = ('nuscenes-devkit',)
OLDEST, NEWEST = (3, 10), (3, 13)


@dataclass(frozen=True)
class Row:
    """One row of the matrix.

    Attributes:
        name: of the row and of its environment.
        python: version of the interpreter, ``'3.11'``.
        lock: the file, from the root of the source tree.
        torch: version, where the lock is not there yet.
        numpy: what is asked for then.
    """

    name: str
    python: str
    lock: str
    torch: str
    numpy: str

    @property
    def path(self) -> Path:
        return ROOT / self.lock

    @property
    def version(self) -> tuple[int, int]:
        major, minor = self.python.split('.')
        return int(major), int(minor)


ROWS = (
    Row('main', '3.11', 'constraints.txt', '2.13.0', 'numpy==1.26.4'),
    Row('numpy2', '3.11', 'locks/py311-numpy2.txt', '2.13.0', 'numpy>=2,<3'),
    Row('py312', '3.12', 'locks/py312-numpy2.txt', '2.11.0', 'numpy>=2,<3'),
    Row('py313', '3.13', 'locks/py313-numpy2.txt', '2.13.0', 'numpy>=2,<3'),
)


def default_lock(version: tuple[int, int]) -> Path:
    """The lock for an interpreter: of its first row, or of the newest row before it."""
    rows = [row for row in ROWS if row.path.is_file() and row.version <= version]
    own = [row for row in rows if row.version == version]
    return (own or rows[::-1] or ROWS)[0].path


def pins_of(text: str) -> dict[str, str]:
    """Versions by name (small letters, dashes), as a lock pins them."""
    pins = {}
    for line in text.splitlines():
        pinned = re.match(r'([A-Za-z0-9._-]+)==([^\s;]+)', line)
        if pinned:
            pins[normalized(pinned[1])] = pinned[2]
    return pins


def normalized(name: str) -> str:
    """A name of a distribution as the package index compares it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def is_numpy_2(text: str) -> bool:
    """Whether a lock is one of NumPy 2 or later."""
    return int(pins_of(text).get('numpy', '1').split('.')[0]) >= 2


def requirements_for(names: list[str], numpy_2: bool) -> list[str]:
    """What to install of a list of requirements; see the text above."""
    if not numpy_2:
        return names
    left_out = (*WITHOUT_ITS_NEEDS, *NOT_WITH_NUMPY_2)
    return [name for name in names
            if normalized(re.split(r'[\s=<>!~\[;]', name)[0]) not in left_out
            ] + list(NEEDED_BY_MMDET3D)


def frozen(python: str, heading: str) -> str:
    """The packages of an environment as the text of a lock.

    Args:
        python: its interpreter.
        heading: first line, without the number sign.
    """
    listed = subprocess.run([python, '-m', 'pip', 'list', '--format=json',
                             '--disable-pip-version-check'], capture_output=True, text=True,
                            check=True)
    left_out = {'pip', 'sparse3d-perception'}
    lines = sorted(f'{item["name"]}=={item["version"].split("+")[0]}'
                   for item in json.loads(listed.stdout)
                   if normalized(item['name']) not in left_out)
    return '\n'.join([f'# {heading}', *lines, ''])
