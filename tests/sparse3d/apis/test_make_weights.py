"""The weights that come with it, made small: every step, and again without doing it twice."""
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sparse3d.apis import make_weights as module
from sparse3d.apis.make_weights import DATA_VARIABLE, HOURS, _data, _options, make_weights
from sparse3d.apis.weights_recipe import CONFIG, Recipe, note_recipe
from sparse3d.apis.zero_shot import Judgement
from sparse3d.checkpoints.safetensors_files import read_with_meta
from sparse3d.checkpoints.shipped import shipped_files
from sparse3d.engine.load_config import load_config
from sparse3d.errors import CheckpointError, ConfigError
from sparse3d.metrics.zero_shot import FrameScore

RECIPE = Recipe(frames=8, epochs=1, seed=1, val_fraction=.5, without=('plants', 'clutter'))


def test_classes_that_go_with_an_ingredient_may_be_absent():
    options = _options(Recipe(without=('plants', 'large_vehicles'), load_from='a.pth'))
    assert options.pop('load_from') == 'a.pth'
    assert set(map(tuple, options.values())) == {('LargeVehicle', )} and len(options) == 3
    config = load_config(CONFIG, options)
    assert config.train_dataloader.dataset.absent_classes == ['LargeVehicle']
    assert _options(RECIPE) == {}


def test_weights_that_are_there_are_not_written_over(tmp_path):
    (tmp_path / 'anywhere').mkdir()
    with pytest.raises(ConfigError, match='is there already'):
        make_weights(tmp_path / 'work', tmp_path / 'data', RECIPE, folder=tmp_path)
    assert not (tmp_path / 'work').exists()


def test_first_weights_that_are_not_there_are_missed_before_hours_of_simulation(tmp_path):
    with pytest.raises(CheckpointError, match='a.pth does not exist'):
        make_weights(tmp_path / 'work', tmp_path / 'data', replace(RECIPE, load_from='a.pth'),
                     folder=tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []  # nothing that the right path would disagree with


def test_the_card_says_what_the_training_began_with():
    assert 'squares. No real point entered' in _data(RECIPE)
    begun = _data(replace(RECIPE, load_from='mine/epoch_1.pth'))
    assert 'began with the weights mine/epoch_1.pth, of whose data nothing is said here' in begun
    assert 'No real point' not in begun and 'no real point entered' in begun


def test_checkpoints_of_another_recipe_do_not_become_weights(tmp_path):
    (tmp_path / 'work').mkdir()
    note_recipe(tmp_path / 'work', replace(RECIPE, epochs=3))
    (tmp_path / 'work/epoch_1.pth').write_bytes(b'in the middle of three epochs')
    with pytest.raises(ConfigError, match='epochs is 3, not 1'):
        make_weights(tmp_path / 'work', tmp_path / 'data', RECIPE, folder=tmp_path / 'out')
    assert not (tmp_path / 'data').exists()


@pytest.mark.parametrize('package, load_as', [(True, 'anywhere'), (False, None)])
def test_every_step_has_the_recipe_and_the_card_a_name_that_loads(
        tmp_path, monkeypatch, package, load_as):
    monkeypatch.setenv(DATA_VARIABLE, 'changed by the run')
    done, target = {}, tmp_path / 'out/anywhere'
    if package:
        monkeypatch.setattr(module, 'FOLDER', tmp_path / 'out')
    monkeypatch.setattr(module, 'simulate_anywhere', lambda *given: done.update(simulated=given))
    monkeypatch.setattr(module, 'prepare_custom', lambda *given: done.update(prepared=given))
    monkeypatch.setattr(module, 'train', lambda *_, **options: done.update(trained=options))
    monkeypatch.setattr(module, 'zero_shot', lambda *_: Judgement([], [], {'simulated': {
        'Car': [FrameScore({.5: np.array([.9]), .3: np.array([.9])}, np.array([.7, .4]))]}}, .3))
    monkeypatch.setattr(module, 'publish', lambda *given: done.update(published=given))
    monkeypatch.setattr(module, 'sum_of', lambda path: 'its sum')
    assert make_weights(tmp_path / 'work', tmp_path / 'data', RECIPE,
                        folder=tmp_path / 'out') == target
    assert done['simulated'][1:] == (8, 1, 1, .5, RECIPE.options)
    assert (done['trained']['seed'], done['trained']['epochs']) == (1, 1)
    facts = done['published'][3]
    assert facts.notes['score_threshold'] == pytest.approx(.41) and facts.load_as == load_as
    assert '| simulated (1) | Car | 1 | 1 (1.00 to 1.00) |' in facts.text


@pytest.mark.slow
def test_a_small_recipe_becomes_weights_that_load(tmp_path, monkeypatch):
    monkeypatch.setenv('SPARSE3D_SIMULATED_ANYWHERE', 'changed by the run')
    folder = make_weights(tmp_path / 'work', tmp_path / 'data', RECIPE, folder=tmp_path / 'out')
    files = shipped_files('anywhere', tmp_path / 'out')
    note = read_with_meta(files.weights)[1]
    assert note['seed'] == 1 and 0 < note['score_threshold'] <= 1
    card = (folder / 'README.md').read_text()
    assert RECIPE.command() in card
    assert "load_detector('anywhere')" not in card  # those of the package have that name
    assert {'simulate', 'prepare', 'train'} == set(
        json.loads((tmp_path / 'work' / HOURS).read_text()))
