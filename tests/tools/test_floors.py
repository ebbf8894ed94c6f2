"""Every system overfits a few simulated frames: the tool, and its quick form."""
from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sparse3d.engine.load_config import load_config
from sparse3d.errors import DataError
from sparse3d.pretraining.encoder_files import load_encoder

TOOL = Path(__file__).resolve().parents[2] / 'tools/floors.py'
floors = runpy.run_path(str(TOOL))


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, str(TOOL), *arguments], capture_output=True, text=True,
                          **options)


def row(name: str, **changes) -> dict:
    return {'name': name, 'metric': 'kitti/Car_3D_R40_hard', 'value': 97.0, 'bound': 95.0,
            'minutes_of_core': 9.0, 'minutes_allowed': 15, 'in_time': True, 'passed': True,
            **changes}


def test_what_the_file_has_is_not_run_again(tmp_path):
    out = tmp_path / 'floors.json'
    floors['write_rows'](out, [row('focalsconv', passed=False), row('dsvt')])
    assert [each['name'] for each in json.loads(out.read_text())['rows']] == ['dsvt', 'focalsconv']
    done = run('dsvt', 'focalsconv', '--out', str(out), '--work-dir', str(tmp_path / 'work'))
    assert done.returncode == 1 and '1 of 2 passed; not focalsconv' in done.stdout
    assert run('dsvt', '--out', str(out), '--work-dir', str(tmp_path / 'work')).returncode == 0


@pytest.mark.parametrize('arguments, sentence', [
    (['dvst'], 'no system dvst; there are dsvt'),
    (['dsvt', '--out', 'floors.json'], 'floors.json is not a file of this tool'),
    (['sparse4d', '--image-backbone', 'absent.pth'], 'absent.pth does not exist')])
def test_what_cannot_be_meant_is_one_sentence(tmp_path, arguments, sentence):
    (tmp_path / 'floors.json').write_text('[]')
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2 and sentence in done.stderr and 'Traceback' not in done.stderr


def test_sentences():
    assert floors['sentence'](row('dsvt', minutes_of_core=16.0, in_time=False)) == (
        'kitti/Car_3D_R40_hard 97.000, bound 95; 16.0 minutes of one core, '
        'more than the 15 allowed')
    assert floors['sentence']({'loss': [12.0, 3.0], 'falls_to': 0.5}) == (
        'loss 12 to 3, has to fall to 50%')


def test_the_image_backbone_of_a_checkpoint_alone(tmp_path):
    weights = {'backbone.conv1.weight': torch.ones(2), 'bbox_head.weight': torch.ones(1)}
    torch.save(dict(state_dict=weights, meta={}), tmp_path / 'epoch_8.pth')
    made = floors['image_backbone'](tmp_path / 'epoch_8.pth', tmp_path / 'work')
    assert list(torch.load(made)['state_dict']) == ['image_backbone.conv1.weight']
    model = torch.nn.ModuleDict({'backbone': torch.nn.ModuleDict(
        {'conv1': torch.nn.Linear(2, 1, bias=False)})})
    model['backbone']['conv1'].weight = torch.nn.Parameter(torch.zeros(2))
    assert load_encoder(model, made).loaded == ['backbone.conv1.weight']
    torch.save(dict(state_dict={'bbox_head.weight': torch.ones(1)}), tmp_path / 'head.pth')
    with pytest.raises(DataError, match='head.pth has no image backbone'):
        floors['image_backbone'](tmp_path / 'head.pth', tmp_path / 'work')
    of_a_map = {'backbone.conv1.weight': torch.ones(2), 'middle_encoder.weight': torch.ones(1)}
    torch.save(dict(state_dict=of_a_map), tmp_path / 'points.pth')
    with pytest.raises(DataError, match='points.pth has no image backbone'):
        floors['image_backbone'](tmp_path / 'points.pth', tmp_path / 'work')


def test_random_steps_are_those_of_the_test_or_left_out():
    train = [dict(type='LoadPoints'), dict(type='GroundTruthSampling'),
             dict(type='AugmentImages', resize=[0.5, 0.65]), dict(type='KeepObjects')]
    tested = [dict(type='LoadPoints'), dict(type='AugmentImages', resize=[0.6, 0.6])]
    assert floors['without_chance'](train, tested) == [
        dict(type='LoadPoints'), dict(type='AugmentImages', resize=[0.6, 0.6]),
        dict(type='KeepObjects')]


@pytest.mark.parametrize('name', floors['FLOORS'])
def test_trained_and_tested_on_the_same_frames(name, monkeypatch):
    floor = floors['FLOORS'][name]
    drive = floors['DRIVES'][floor.drive]
    monkeypatch.setenv(drive.variable, '')
    config = floors['plan'](floor, Path('data/drive'), frames=8, epochs=20)
    trained = config.train_dataloader.dataset
    while 'pipeline' not in trained:
        trained = trained.dataset
    tested = config.test_dataloader.dataset
    for dataset in tested.get('datasets', [tested]):
        assert dataset.ann_file == trained.ann_file and dataset.indices == trained.indices == 8
    assert config.test_evaluator.ann_file == f'data/drive/{trained.ann_file}'
    assert not {step.type for step in trained.pipeline} & (floors['RANDOM'] - {'AugmentImages'})
    assert config.train_cfg.max_epochs == 20
    assert config.param_scheduler == load_config(floor.config).param_scheduler or all(
        each.get('total_steps', 20) == 20 for each in config.param_scheduler)


# One of each data set and kind of detector in every run; all of them take a quarter of an hour.
ALWAYS = ('pointpillars', 'focalsconv', 'dsvt_waymo', 'transfusion_l')


@pytest.mark.slow
@pytest.mark.parametrize('name', [pytest.param(name, marks=pytest.mark.skipif(
    name not in ALWAYS and not os.environ.get('SPARSE3D_ALL_FLOORS'),
    reason='SPARSE3D_ALL_FLOORS=1 runs the other systems')) for name in floors['FLOORS']])
def test_the_loss_falls_on_two_frames(name, tmp_path_factory, monkeypatch):
    """100 steps; the frames are simulated once for all systems."""
    monkeypatch.setenv(floors['DRIVES'][floors['FLOORS'][name].drive].variable, '')
    shared = tmp_path_factory.getbasetemp() / 'floors'
    found = floors['quick'](name, shared, tmp_path_factory.mktemp('quick'))
    assert found['passed'], floors['sentence'](found)
