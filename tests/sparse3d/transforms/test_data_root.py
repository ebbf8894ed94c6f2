from pathlib import Path

import pytest
from mmengine.config import Config

from sparse3d.engine.load_config import load_config
from sparse3d.errors import ConfigError
from sparse3d.transforms.data_root import move_data_root

CONFIGS = Path(__file__).parents[3] / 'configs/_base_/datasets'


def test_every_path_of_a_config_moves(monkeypatch):
    monkeypatch.delenv('SPARSE3D_KITTI', raising=False)
    config = Config.fromfile(CONFIGS / 'kitti_3class.py')
    assert config.data_root == 'data/kitti'
    move_data_root(config, '/disk/my_kitti/')
    assert 'data/kitti' not in str(config.to_dict())
    assert config.val_evaluator.ann_file == '/disk/my_kitti/kitti_infos_val.pkl'
    sampling = config.train_dataloader.dataset.pipeline[2]
    assert sampling.database.info_path == '/disk/my_kitti/kitti_dbinfos_train.pkl'
    assert config.train_dataloader.dataset.data_prefix.pts == 'training/velodyne_reduced'


def test_names_that_only_begin_alike_stay():
    config = Config(dict(data_root='data/k', other='data/kitti', inside=['data/k/a', 3]))
    move_data_root(config, 'x')
    assert config.to_dict() == dict(data_root='x', other='data/kitti', inside=['x/a', 3])


def test_a_config_without_data_root():
    with pytest.raises(ConfigError, match='no data_root'):
        move_data_root(Config(dict(model=1)), 'x')


def test_the_option_data_root_moves_them_too(monkeypatch):
    monkeypatch.delenv('SPARSE3D_KITTI', raising=False)
    config = load_config(CONFIGS / 'kitti_car.py', dict(data_root='/disk/x'))
    assert config.test_evaluator.ann_file == '/disk/x/kitti_infos_val.pkl'
