"""Configs that inherit ours by ``_base_ = ['sparse3d::_base_/default_runtime.py']``.

Missing upstream (mmengine 0.10.7): ``Config._get_cfg_path`` asserts that the scope before ``::``
is one of OpenMMLab's own packages, and looks below their ``.mim`` folder, which only their
``setup.py`` makes.

Repair: with the scope ``sparse3d`` the file is the one of the package ``sparse3d_configs``. It
counts as a local file: its types are looked up in the scope of the config that inherits it.
"""
from __future__ import annotations

from mmengine.config import Config

from sparse3d.errors import ConfigError
from sparse3d.plugins import config_home

SCOPE = 'sparse3d::'


def apply_patch() -> None:
    """Let mmengine's config loader know the scope."""
    original = Config._get_cfg_path
    if getattr(original, 'knows_sparse3d', False):
        return

    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(SCOPE):
            return scoped_path(cfg_path), None
        return original(cfg_path, filename)

    get_cfg_path.knows_sparse3d = True
    Config._get_cfg_path = staticmethod(get_cfg_path)


def scoped_path(base: str) -> str:
    """The file that ``sparse3d::FOLDER/FILE.py`` names.

    Raises:
        ConfigError: if there is none, or it lies outside of our configs.
    """
    home = config_home()
    path = None if home is None else (home / base.removeprefix(SCOPE)).resolve()
    if path is None or home not in path.parents or not path.is_file():
        raise ConfigError(f'{base} names no config of Sparse3D: there is no such file in '
                          f'{home or "the package sparse3d_configs, which is not installed"}')
    return str(path)
