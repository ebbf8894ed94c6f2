"""The official splits."""
from __future__ import annotations

import pytest

from sparse3d.datasets.nuscenes.splits import TABLES_OF, official_splits


def test_as_the_devkit_lists_them():
    devkit = pytest.importorskip('nuscenes.utils.splits').create_splits_scenes()
    assert {name: list(scenes) for name, scenes in official_splits().items()} == devkit
    assert set(TABLES_OF) == set(devkit)


def test_they_are_apart():
    splits = official_splits()
    assert {name: len(scenes) for name, scenes in splits.items()} == dict(
        train_detect=350, train_track=350, train=700, val=150, test=150, mini_train=8, mini_val=2)
    assert len({*splits['train'], *splits['val'], *splits['test']}) == 1000
    assert splits['val'][0] == 'scene-0003' and splits['val'][-1] == 'scene-1073'
    assert set(splits['mini_val']) < set(splits['val'])
