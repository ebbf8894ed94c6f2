"""A config file read, overridden and checked."""
from __future__ import annotations

import copy
from collections import deque
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mmengine
from mmdet3d.utils import register_all_modules
from mmengine.config import Config

from sparse3d.checkpoints.renames import refuse_old_names_in
from sparse3d.config_names import DATA_SUFFIXES, find_config
from sparse3d.engine.config_environment import escaped_environment
from sparse3d.engine.config_options import as_the_config_has, check_options, check_top_level
from sparse3d.engine.config_variables import check_variables
from sparse3d.engine.published_switches import switch_on, written_out
from sparse3d.errors import ConfigError, DataError
from sparse3d.plugins import config_home
from sparse3d.stored_config import SCOPES, check_data_config, texts_of
from sparse3d.transforms.data_root import move_data_root


def load_config(
        config: str | PathLike | Config,
        options: dict[str, Any] | None = None,
) -> Config:
    """Read a config, override it with options, and make its plug-ins known.

    Args:
        config: path of a config file, bare name of one of ours or of a plug-in's, or a Config.
        options: dotted keys and values that override the config.

    Returns:
        A new Config with ``default_scope`` set to mmdet3d's if it had none.

    Raises:
        ConfigError: if the file is missing or cannot be read, an option's key does not exist, or
            is a variable whose value was copied; if parts of the model have different sets of
            published quirks, or a name in it was changed since.
    """
    import sparse3d.register  # noqa: F401  (repairs the stack and registers the core)
    register_all_modules(init_default_scope=False)
    config = copy.deepcopy(config) if isinstance(config, Config) else _read(find_config(config))
    config.setdefault('default_scope', 'mmdet3d')
    if options:
        options, before = written_out(config, options), config.to_dict()
        check_options(before, options)
        _override(config, as_the_config_has(before, options))
        check_variables(before, config.to_dict(), options)
    check_top_level(config.to_dict())
    refuse_old_names_in(config.to_dict())
    switch_on(config)
    return config


def _read(path: Path) -> Config:
    try:
        with escaped_environment(path):
            return _read_data(path) if path.suffix in DATA_SUFFIXES else Config.fromfile(path)
    except ConfigError:
        raise
    except Exception as error:  # a config is a program: anything may happen in it
        raise ConfigError(f'config file {path} cannot be read: '
                          f'{type(error).__name__}: {_first_line(error)}') from error


def _read_data(path: Path) -> Config:
    """A config in YAML or JSON: nothing of it is run, and its bases are data or our own."""
    _check_bases(path)
    config = Config.fromfile(path, import_custom_modules=False)
    check_data_config(config.to_dict(), str(path))
    return config


def _check_bases(path: Path, above: tuple[Path, ...] = ()) -> None:
    content = _with_variables(path)
    if not isinstance(content, dict):
        raise ConfigError(f'config file {path} holds no keys and values')
    deque(texts_of(content, f'config file {path}'), maxlen=0)  # YAML can repeat itself
    bases = content.get('_base_') or []
    for base in [bases] if isinstance(bases, str) else bases:
        scope, scoped, _ = base.partition('::')
        if scoped and scope in (*SCOPES, 'sparse3d'):
            continue  # of an installed package
        file = (path.parent / base).resolve()
        if file in above:
            raise ConfigError(f'config file {path} has itself as a base: {base}')
        if file.suffix in DATA_SUFFIXES:
            _check_bases(file, (*above, file))
        elif config_home() not in file.parents:
            raise ConfigError(f'config file {path} is data and names the program {base} as its '
                              f'base; name one of ours (sparse3d::FOLDER/FILE.py), or write the '
                              f'config as a .py file')


def _with_variables(path: Path) -> Any:
    """The content of a data file as mmengine reads it, the places of ``{{...}}`` filled in."""
    with TemporaryDirectory() as folder:
        filled = str(Path(folder, f'config{path.suffix}'))
        try:
            Config._substitute_predefined_vars(str(path.absolute()), filled)
            Config._substitute_env_variables(filled, filled)
            Config._pre_substitute_base_vars(filled, filled)
            return mmengine.load(filled)
        except DataError as error:
            raise DataError(str(error).replace(filled, str(path), 1)) from error


def _override(config: Config, options: dict[str, Any]) -> None:
    if isinstance(options.get('data_root'), str):
        move_data_root(config, options['data_root'])
    _begin_lists(config, options)
    try:
        config.merge_from_dict(options)
    except (TypeError, KeyError) as error:
        raise ConfigError(f'the options {options} do not fit the config: '
                          f'{_first_line(error)}') from error


def _begin_lists(config: Config, options: dict[str, Any]) -> None:
    """Lists that a config does not have, for options such as ``custom_hooks.0.type``.

    mmengine would make a dict with a key '0' of them.
    """
    for key in options:
        name, _, rest = key.partition('.')
        number = rest.partition('.')[0]
        if not number.isdigit() or not (config.get(name) is None or config.get(name) == []):
            continue
        numbers = {other.split('.')[1] for other in options if other.startswith(f'{name}.')}
        if numbers != set(map(str, range(len(numbers)))):
            raise ConfigError(f'the config has no list {name}, and the options begin one with '
                              f'{", ".join(sorted(numbers))}; count from 0')
        config[name] = [{} for _ in numbers]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ['no message'])[0]
