"""A virtual environment with a few packages and what they need, and nothing else."""
from __future__ import annotations

import sysconfig
import venv
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement


def bare_environment(folder: Path, packages: Iterable[str]) -> Path:
    """Make it without a network, by links to the packages that are installed here.

    Args:
        folder: to make.
        packages: names of distributions; what they require comes along.

    Returns:
        Its Python.
    """
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    paths = sysconfig.get_paths('venv', vars=dict(base=str(folder), platbase=str(folder),
                                                  installed_base=str(folder)))
    site = Path(paths['purelib'])
    for name in sorted(_with_needs(packages)):
        distribution = metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or ()} - {'..', '__pycache__'}:
            link = site / top
            if not link.exists():
                link.symlink_to(Path(distribution.locate_file(top)).resolve())
    return Path(paths['scripts']) / 'python'


def _with_needs(packages: Iterable[str]) -> set[str]:
    """Names of distributions and of all that they require, extras left out."""
    found: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        needs = [Requirement(line) for line in metadata.requires(name) or ()]
        waiting += [need.name for need in needs
                    if need.marker is None or need.marker.evaluate({'extra': ''})]
    return found
