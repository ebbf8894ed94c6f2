"""Configs from elsewhere inherit ours by the scope `sparse3d`."""
from __future__ import annotations

import pytest
from mmengine.config import Config

import sparse3d.register  # noqa: F401
from sparse3d.compat.config_scope import apply_patch, scoped_path
from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError
from sparse3d.plugins import config_file, config_home

BASE = ("_base_ = ['sparse3d::_base_/datasets/kitti_car.py',\n"
        "          'sparse3d::_base_/default_runtime.py']\n")


@pytest.mark.parametrize('read', [load_config, Config.fromfile])
def test_both_loaders_find_the_bases(tmp_path, read):
    path = tmp_path / 'mine.py'
    path.write_text(BASE + 'classes = {{_base_.class_names}}\n')
    config = read(path)
    ours = Config.fromfile(config_home() / '_base_/datasets/kitti_car.py')
    assert config.train_dataloader == ours.train_dataloader  # no `_scope_` is added
    assert config.classes == ours.class_names


def test_a_whole_config_is_inherited_with_its_own_bases(tmp_path):
    name = 'focalsconv_centerpoint_kitti_car'
    (tmp_path / 'mine.yaml').write_text(f'_base_: sparse3d::focalsconv/{name}.py\n'
                                        'train_cfg: {max_epochs: 3}\n')
    config = load_config(tmp_path / 'mine.yaml')
    assert config.train_cfg.max_epochs == 3
    assert config.model == load_config(name).model


@pytest.mark.parametrize('base', ['sparse3d::no/such.py', 'sparse3d::../setup.cfg', 'sparse3d::'])
def test_what_is_not_there_or_outside_is_refused(base):
    with pytest.raises(ConfigError, match='names no config of Sparse3D'):
        scoped_path(base)


def test_applied_twice_it_is_applied_once():
    before = Config._get_cfg_path
    apply_patch()
    assert Config._get_cfg_path is before


def test_names_of_configs_are_unique_and_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = [path for path in config_home().glob('*/*.py') if path.parent.name != '_base_']
    assert len(files) > 70 and len({path.stem for path in files}) == len(files)
    assert all(config_file(path.stem) == path for path in files)
