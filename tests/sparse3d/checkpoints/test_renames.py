"""Checkpoints with names that were changed since: refused with the command, rewritten whole."""
from __future__ import annotations

from collections import OrderedDict

import pytest
import torch

from sparse3d.checkpoints import renamed_names
from sparse3d.checkpoints.open import open_checkpoint
from sparse3d.checkpoints.renames import renamed, rewrite_checkpoint
from sparse3d.errors import CheckpointError

OPTIONS = {'model.head.published_alignment': True, 'model.head.inner.old_key': 2}
CONFIG = """
model = dict(type='Detector', head=dict(type='OldHead', old_option=3, kept=[dict(old_key=1)],
                                        inner=dict(old_key=(1, 2))))
other = 5
"""


@pytest.fixture(autouse=True)
def table(monkeypatch):
    for name, value in dict(
            PARAMETERS=(('head.old.', 'head.new.'), ('head.layers.*.old.', 'head.layers.*.new.')),
            TYPES={'OldHead': 'NewHead'},
            OPTIONS_OF_TYPES={('NewHead', 'old_option'): 'new_option'},
            OPTIONS={'inner.old_key': 'new_key'}, CONFIGS={'old_config': 'new_config'}).items():
        monkeypatch.setattr(renamed_names, name, value)


@pytest.fixture
def old(tmp_path):
    state = OrderedDict({'head.old.weight': torch.ones(2), 'head.layers.3.old.bias': torch.zeros(1),
                         'head.older.weight': torch.ones(3)})
    state._metadata = OrderedDict({'': {'version': 1}, 'head.old': {'version': 2}})
    path = tmp_path / 'old.pth'
    torch.save(dict(state_dict=state, optimizer={'state': {}}, meta=dict(
        epoch=3, cfg=CONFIG, config='configs/x/old_config.py', config_options=OPTIONS)), path)
    return path


def test_an_old_one_is_refused_with_the_command(old):
    with pytest.raises(CheckpointError) as refused:
        open_checkpoint(old)
    assert f'sparse3d convert-checkpoint renames {old} NEW.pth' in str(refused.value)
    assert 'head.old. -> head.new.' in str(refused.value) and '\n' not in str(refused.value)


def test_an_old_name_in_the_stored_config_alone_is_refused(tmp_path):
    torch.save(dict(state_dict={'x': torch.ones(1)}, meta=dict(cfg=CONFIG)), tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='OldHead -> NewHead.*renames'):
        open_checkpoint(tmp_path / 'a.pth')


def test_rewriting_takes_weights_options_and_config(old, tmp_path):
    changes = rewrite_checkpoint(old, tmp_path / 'new.pth')
    assert {'head.old. -> head.new.', 'OldHead -> NewHead', 'NewHead.old_option -> new_option',
            'inner.old_key -> new_key', 'old_config -> new_config'} <= set(changes)
    content = torch.load(tmp_path / 'new.pth')
    assert list(content['state_dict']) == ['head.new.weight', 'head.layers.3.new.bias',
                                           'head.older.weight']
    assert content['state_dict']._metadata['head.new'] == {'version': 2}
    meta = content['meta']
    assert meta['config_options'] == {'model.head.published_alignment': True,
                                      'model.head.inner.new_key': 2}
    assert meta['config'] == 'configs/x/new_config.py' and meta['epoch'] == 3
    config: dict = {}
    exec(meta['cfg'], config)
    assert config['model'] == dict(type='Detector', head=dict(
        type='NewHead', new_option=3, kept=[dict(old_key=1)], inner=dict(new_key=(1, 2))))
    assert renamed(content)[1] == []


def test_present_names_and_no_checkpoints_are_left_alone(tmp_path):
    torch.save(dict(state_dict={'head.new.weight': torch.ones(2)}, meta=dict(cfg='import os')),
               tmp_path / 'new.pth')
    assert open_checkpoint(tmp_path / 'new.pth').weights.keys() == {'head.new.weight'}
    with pytest.raises(CheckpointError, match='present names already'):
        rewrite_checkpoint(tmp_path / 'new.pth', tmp_path / 'newer.pth')
    assert not (tmp_path / 'newer.pth').exists()
    assert renamed([1, 2]) == ([1, 2], [])
