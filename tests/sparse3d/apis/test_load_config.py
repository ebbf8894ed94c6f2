from __future__ import annotations

import pytest
from mmengine.config import Config

from sparse3d.apis import load_config
from sparse3d.errors import ConfigError


def test_reads_overrides_and_leaves_the_original(tiny_config):
    original = Config.fromfile(tiny_config)
    config = load_config(original, {'model.width': 3, 'train_dataloader.drop_last': True})
    assert config.model.width == 3 and config.train_dataloader.drop_last
    config.train_dataloader.sampler.shuffle = False
    assert original.model.width == 8 and original.train_dataloader.sampler.shuffle
    assert load_config(tiny_config).default_scope == 'mmdet3d'


def test_a_missing_file_is_named_with_its_neighbours(tiny_config):
    with pytest.raises(ConfigError, match=r'tiny_confg.py does not exist; .*tiny_config.py'):
        load_config(tiny_config.with_name('tiny_confg.py'))


@pytest.mark.parametrize('text, reason', [
    ('model = dict(', 'SyntaxError'),
    ('_base_ = "nowhere.py"', 'FileNotFoundError'),
    ('custom_imports = dict(imports=["no_such_plug_in"])', 'no_such_plug_in'),
])
def test_an_unreadable_file_is_one_sentence(tmp_path, text, reason):
    path = tmp_path / 'broken.py'
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason) as error:
        load_config(path)
    assert str(path) in str(error.value) and '\n' not in str(error.value)


def test_options_of_another_kind_than_the_config(tiny_config):
    with pytest.raises(ConfigError, match='load_from'):
        load_config(tiny_config, {'load_from.path': 1})
