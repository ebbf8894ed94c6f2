"""Options that set a variable of a config file after its value was copied."""
from __future__ import annotations

import pytest

from sparse3d.apis import load_config
from sparse3d.engine.config_variables import check_variables, copies
from sparse3d.errors import ConfigError
from sparse3d.plugins import config_home

CONFIG = """
reach = [0, 1, 2]
pipeline = [dict(type='A', reach=reach)]
epochs, name, off = 6, 'car', None
train_cfg = dict(epochs=epochs)
model = dict(layers=6, part=dict(limits=reach, name=name), test_cfg=None)
train_dataloader = dict(dataset=dict(pipeline=pipeline))
"""


@pytest.fixture
def config():
    content: dict = {}
    exec(CONFIG, content)
    return {key: value for key, value in content.items() if not key.startswith('__')}


@pytest.mark.parametrize('key, value, places', [
    ('reach', [3], 'model.part.limits, train_dataloader.dataset.pipeline.0.reach instead'),
    ('pipeline', [], 'set train_dataloader.dataset.pipeline instead'),
    ('pipeline.0.reach', [3], 'train_dataloader.dataset.pipeline instead'),
    ('epochs', 3, 'set train_cfg.epochs instead'), ('name', 'bus', 'set model.part.name instead')])
def test_the_places_to_set_are_named(config, key, value, places):
    name = key.partition('.')[0]
    after = {**config, name: value if key == name else [dict(type='A', reach=value)]}
    with pytest.raises(ConfigError, match=f'{name} is a variable .*{places}'):
        check_variables(config, after, [key])


def test_what_does_something_passes(config):
    check_variables(config, {**config, 'train_cfg': dict(epochs=3)}, ['train_cfg.epochs'])
    check_variables(config, {**config, 'off': True}, ['off'])           # None is none's copy
    check_variables(config, dict(config), ['reach'])                      # the same value
    everywhere = {**config, 'epochs': 3, 'train_cfg': dict(epochs=3)}
    check_variables(config, everywhere, ['epochs', 'train_cfg.epochs'])
    assert list(copies('epochs', 6, config)) == ['train_cfg.epochs']      # not model.layers


@pytest.mark.parametrize('options', [
    dict(point_cloud_range=[-10, -10, -5, 10, 10, 3]), dict(class_names=['car']),
    {'train_pipeline.0.type': 'LoadPoints'}])
def test_a_config_of_ours(options):
    path = config_home() / 'baselines/centerpoint_simulated_nuscenes.py'
    with pytest.raises(ConfigError, match='would change nothing: .*train_dataloader'):
        load_config(path, options)
    assert load_config(path, dict(data_root='/data')).data_root == '/data'
