"""Weights that a training begins with are looked for before it begins."""
from __future__ import annotations

from pathlib import Path

import pytest

from sparse3d.apis import train
from sparse3d.checkpoints.first_weights import (
    check_first_weights,
    pretrained_files,
    without_absent_files,
)
from sparse3d.errors import ConfigError, Sparse3DWarning

CONFIG = Path(__file__).resolve().parents[3] / 'configs/sparsebev/sparsebev_r50_nuscenes.py'


def model(checkpoint):
    return {'parts': [{'init_cfg': {'type': 'Pretrained', 'checkpoint': checkpoint}}],
            'init_cfg': None, 'head': {'init_cfg': {'type': 'Normal'}}}


def test_files_are_found_with_their_keys():
    assert list(pretrained_files(model('a.pth'), 'model')) == [('model.parts.0.init_cfg', 'a.pth')]


def test_what_is_there_and_what_is_loaded_from_elsewhere_pass(tmp_path):
    (tmp_path / 'a.pth').touch()
    check_first_weights(model(str(tmp_path / 'a.pth')))
    check_first_weights(model('torchvision://resnet50'))


def test_an_absent_file_is_named_with_the_ways_out(tmp_path):
    with pytest.raises(ConfigError, match=r'absent.pth.* does not exist.*'
                       r'model.parts.0.init_cfg.checkpoint=FILE.*model.parts.0.init_cfg=None'):
        check_first_weights(model('absent.pth'))


def test_a_training_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match='data/pretrained/cascade.* does not exist'):
        train(CONFIG, tmp_path / 'work', dry_run=True)
    assert not (tmp_path / 'work').exists()


def test_without_a_checkpoint_an_absent_file_is_said_and_left_out(tmp_path):
    (tmp_path / 'a.pth').touch()
    there = model(str(tmp_path / 'a.pth'))
    assert without_absent_files(there) == there
    absent = model('absent.pth')
    with pytest.warns(Sparse3DWarning, match='absent.pth.*model.parts.0.init_cfg.*random'):
        found = without_absent_files(absent)
    assert found['parts'][0]['init_cfg'] is None and found['head'] == absent['head']
    assert absent == model('absent.pth')
