"""Config files of the core and of all that is installed, by bare name."""
from __future__ import annotations

from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path

from sparse3d.errors import PluginError
from sparse3d.plugins.installed import data_sets, plugins

CONFIG_PACKAGE = 'sparse3d_configs'


def config_home() -> Path | None:
    """The folder of the configs that come with Sparse3D; None where they are not installed."""
    return _folder(CONFIG_PACKAGE)


def config_folders() -> dict[str, Path]:
    """Folders of config files by package, the core's own first; nothing of them is imported.

    Those that come with Sparse3D are there also where plug-ins have no installed metadata.
    Plug-ins and data sets whose package of configs is not there are left out.
    """
    home = config_home()
    rooms = [] if home is None else sorted(
        path.name for path in home.iterdir() if path.is_dir() and not path.name.startswith('_'))
    packages = [*(f'{CONFIG_PACKAGE}.{room}' for room in rooms),
                *(owner.configs for owner in [*plugins().values(), *data_sets().values()]
                  if owner.configs)]
    return {package: folder for package in packages
            if (folder := _folder(package)) is not None}


def config_files() -> dict[str, Path]:
    """Config files of all packages by bare name.

    Raises:
        PluginError: if one name stands in two packages.
    """
    files: dict[str, Path] = {}
    for folder in config_folders().values():
        for path in sorted(folder.glob('*.py')):
            if path.stem.startswith('_') or path.stem == 'plugin':
                continue
            if path.stem in files:
                raise PluginError(f'the config {path.stem} stands in {files[path.stem].parent} '
                                  f'and in {folder}; give the path of the one that is meant')
            files[path.stem] = path
    return files


def config_file(name: str) -> Path:
    """The config file of a bare name.

    Raises:
        PluginError: if there is none, or one name stands in two packages.
    """
    files = config_files()
    if name not in files:
        near = get_close_matches(name, files, n=3, cutoff=0.5)
        raise PluginError(f'there is no config {name!r}'
                          + (f'; did you mean {", ".join(near)}?' if near else
                             f' among the {len(files)} that are installed'))
    return files[name]


def _folder(package: str) -> Path | None:
    try:
        spec = find_spec(package)
    except ModuleNotFoundError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()
