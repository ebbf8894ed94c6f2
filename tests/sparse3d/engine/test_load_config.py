from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from sparse3d.apis import load_config
from sparse3d.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


def test_reads_overrides_and_leaves_the_original(tiny_config):
    original = Config.fromfile(tiny_config)
    config = load_config(original, {'model.width': 3, 'train_dataloader.drop_last': True})
    assert config.model.width == 3 and config.train_dataloader.drop_last
    config.train_dataloader.sampler.shuffle = False
    assert original.model.width == 8 and original.train_dataloader.sampler.shuffle
    assert load_config(tiny_config).default_scope == 'mmdet3d'


def test_a_missing_file_is_named_with_its_neighbors(tiny_config):
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


def test_a_config_in_yaml_or_json_is_data(tmp_path):
    (tmp_path / 'base.json').write_text('{"model": {"type": "SECOND", "layer_nums": [1]}}')
    (tmp_path / 'mine.yaml').write_text('_base_: base.json\nmodel: {layer_strides: [2]}\n')
    config = load_config(tmp_path / 'mine.yaml')
    assert config.model == dict(type='SECOND', layer_nums=[1], layer_strides=[2])


def test_a_base_of_data_may_be_named_by_a_variable(tmp_path, monkeypatch):
    (tmp_path / 'base.json').write_text('{"width": {{"$WIDTH:3"}}, "name": "a"}')
    (tmp_path / 'mine.yaml').write_text(
        '_base_: "{{ fileDirname }}/{{$NOWHERE:base}}.json"\ntwice: {{ _base_.width }}\n')
    monkeypatch.setenv('WIDTH', '4')
    config = load_config(tmp_path / 'mine.yaml')
    assert (config.width, config.twice) == (4, 4)


def test_a_config_in_yaml_may_stand_on_one_of_ours(tmp_path):
    ours = sorted((ROOT / 'configs/focalsconv').glob('*_kitti_car.py'))[0]
    (tmp_path / 'mine.yaml').write_text(f'_base_: {ours}\ntrain_cfg: {{max_epochs: 3}}\n')
    assert load_config(tmp_path / 'mine.yaml').train_cfg.max_epochs == 3


@pytest.mark.parametrize('text, words', [
    ('a: !!python/object/apply:os.mkdir [TOUCHED]', 'no YAML of plain data'),
    ('model: {a: [{type: os.mkdir, path: TOUCHED}]}', "model.a.0.type='os.mkdir'"),
    ('custom_imports: {imports: [this]}', "imports 'this'"),
    ('default_scope: evil', 'evil'), ('_base_: program.py', 'names the program program.py'),
    ('_base_: [base.yaml]', 'names the program program.py'), ('_base_: mine.yaml', 'as a base'),
    ("'{{$NOWHERE:_base_}}': program.py", 'names the program program.py'),
    ('{{$NOWHERE:_base_}}: {{$NOWHERE_EITHER:program.py}}', 'names the program program.py'),
    ('- a\n- b', 'no keys and values'),
    ('\n'.join(f'a{n}: &a{n} [{f"*a{n - 1}, *a{n - 1}" if n else 1}]' for n in range(40)),
     'more than 1,000,000 values')])
@pytest.mark.parametrize('ending', ['yaml', 'yml'])
def test_a_config_in_yaml_runs_nothing(tmp_path, ending, text, words):
    touched = str(tmp_path / 'touched')
    (tmp_path / 'program.py').write_text(f'import os\nos.mkdir({touched!r})\n')
    (tmp_path / 'base.yaml').write_text('_base_: program.py\n')
    path = tmp_path / f'mine.{ending}'
    path.write_text(text.replace('TOUCHED', touched).replace('mine.yaml', path.name))
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert words in str(caught.value) and str(tmp_path) in str(caught.value)
    assert '\n' not in str(caught.value) and not (tmp_path / 'touched').exists()


def test_options_may_begin_a_list_that_the_config_does_not_have(tiny_config):
    hook = {'custom_hooks.0.type': 'KillHook', 'custom_hooks.0.iteration': 3}
    config = load_config(tiny_config, hook)
    assert config.custom_hooks == [dict(type='KillHook', iteration=3)]
    assert load_config(config, {'custom_hooks.0.iteration': 4}).custom_hooks[0].iteration == 4
    with pytest.raises(ConfigError, match='no list custom_hooks, .* with 1; count from 0'):
        load_config(tiny_config, {'custom_hooks.1.type': 'KillHook'})
