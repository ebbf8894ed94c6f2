"""Whether the `sparse3d` that Python imports is this project's.

The package index has an unrelated distribution of that name.
"""
from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

OURS = ('plugins/contracts.py', 'register.py', 'passive_wait.py')


def require_own_package() -> None:
    """What every plug-in calls first.

    Raises:
        ImportError: in one sentence, if `sparse3d` is absent or another package.
    """
    foreign = foreign_package()
    if foreign:
        raise ImportError(foreign)


def foreign_package() -> str | None:
    """One sentence if the `sparse3d` that would be imported is absent or another one, else None.

    Nothing is imported.
    """
    spec = find_spec('sparse3d')
    if spec is None:
        return ("there is no package 'sparse3d' beside its command line: install the "
                "distribution sparse3d-perception anew")
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    if any(all((folder / name).is_file() for name in OURS) for folder in folders):
        return None
    return (f"the package 'sparse3d' that Python imports, {spec.origin or folders[0]}, is an "
            f'unrelated one of the same name: run "pip uninstall sparse3d" and install '
            f'the distribution sparse3d-perception anew')
