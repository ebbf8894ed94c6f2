"""The weights that come with it, made small: every step, and again without doing it twice."""
from __future__ import annotations

import json

import pytest

from sparse3d.apis.make_weights import HOURS, Recipe, make_weights
from sparse3d.checkpoints.safetensors_files import read_with_meta
from sparse3d.checkpoints.shipped import shipped_files
from sparse3d.errors import ConfigError

RECIPE = Recipe(frames=4, epochs=1, seed=1, val_fraction=.5, without=('plants', 'clutter'))


def test_the_command_names_all_that_decides():
    assert RECIPE.command() == ('python tools/make_weights.py --frames 4 --epochs 1 --seed 1 '
                                '--without plants clutter')


def test_weights_that_are_there_are_not_written_over(tmp_path):
    (tmp_path / 'anywhere').mkdir()
    with pytest.raises(ConfigError, match='is there already'):
        make_weights(tmp_path / 'work', tmp_path / 'data', RECIPE, folder=tmp_path)


@pytest.mark.slow
def test_a_small_recipe_becomes_weights_that_load(tmp_path, monkeypatch):
    monkeypatch.setenv('SPARSE3D_SIMULATED_ANYWHERE', 'changed by the run')
    recipe = Recipe(frames=8, epochs=1, seed=1, val_fraction=.5, without=('plants', 'clutter'))
    folder = make_weights(tmp_path / 'work', tmp_path / 'data', recipe, folder=tmp_path / 'out')
    files = shipped_files('anywhere', tmp_path / 'out')
    note = read_with_meta(files.weights)[1]
    assert note['seed'] == 1 and 0 < note['score_threshold'] <= 1
    assert recipe.command() in (folder / 'README.md').read_text()
    assert {'simulate', 'prepare', 'train'} == set(
        json.loads((tmp_path / 'work' / HOURS).read_text()))
