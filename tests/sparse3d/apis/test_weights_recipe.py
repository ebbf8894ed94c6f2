"""Recipes of weights: what they refuse, what a working folder notes of them."""
from __future__ import annotations

import json

import pytest

from sparse3d.apis.weights_recipe import NOTE, Recipe, note_recipe
from sparse3d.errors import ConfigError, DataError


def test_the_command_names_all_that_decides_once():
    recipe = Recipe(frames=8, epochs=1, seed=1, val_fraction=.5,
                    without=('plants', 'clutter', 'plants'))
    assert recipe.command() == ('python tools/make_weights.py --frames 8 --epochs 1 --seed 1 '
                                '--val-fraction 0.5 --without plants clutter')
    assert Recipe(load_from='of mine/epoch_1.pth', batch_size=2).command().endswith(
        "--batch-size 2 --load-from 'of mine/epoch_1.pth'")
    assert Recipe(false_per_frame=.5).command().endswith('--seed 28 --false-per-frame 0.5')


@pytest.mark.parametrize('change, sentence', [
    (dict(epochs=0), 'epochs is 0'), (dict(val_fraction=1.5), 'val_fraction is 1.5'),
    (dict(frames=16), 'of 16 sweeps.*none chooses the score threshold'),
    (dict(frames=4, val_fraction=.9), 'of 4 sweeps.*none trains'),
    (dict(frames=0), 'of 0 sweeps'), (dict(frames=-5), 'of -5 sweeps'),
    (dict(without=['snow']), "no ingredient 'snow'")])
def test_what_cannot_become_weights_is_refused_before_anything_is_made(change, sentence):
    with pytest.raises(DataError, match=sentence):
        Recipe(**change)


def test_a_working_folder_of_another_recipe_is_refused(tmp_path):
    recipe = Recipe(frames=40, without=('glass',))
    for given in (recipe, recipe, Recipe(frames=40, without=('glass',), false_per_frame=2)):
        note_recipe(tmp_path, given)
    for other, key in ((Recipe(frames=44, without=('glass',)), 'frames is 40, not 44'),
                       (Recipe(frames=40), r"without is \['glass'\], not \[\]")):
        with pytest.raises(ConfigError, match=f'begun with another recipe .{key}'):
            note_recipe(tmp_path, other)
    with pytest.raises(ConfigError, match='load_from is , not a.pth'):
        note_recipe(tmp_path, Recipe(frames=40, without=('glass',), load_from='a.pth'))
    older = json.loads((tmp_path / NOTE).read_text())
    del older['load_from']
    (tmp_path / NOTE).write_text(json.dumps(older))
    note_recipe(tmp_path, recipe)
    (tmp_path / NOTE).write_text('no JSON')
    with pytest.raises(DataError, match='cannot be read'):
        note_recipe(tmp_path, recipe)
