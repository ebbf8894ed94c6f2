"""Options of the pruning: what cannot be is refused in one sentence."""
from __future__ import annotations

import pytest

from sparse3d.errors import ConfigError
from sparse3d.ops.pruning_options import PruningOptions


@pytest.mark.parametrize(('options', 'words'), [
    (dict(importance='softmax'), r"pruning.importance is 'softmax'; use 'sigmoid' or 'none'"),
    (dict(choice='learned'), r"pruning.choice is 'learned'; use 'magnitude' or 'random'"),
    (dict(submanifold_keep_ratio=1.2), 'submanifold_keep_ratio is 1.2; it is the share'),
    (dict(downsampling_keep_ratio=[0.5, -1]), r'downsampling_keep_ratio is \[0.5, -1\]'),
    (dict(submanifold_keep_ratio='half'), "submanifold_keep_ratio is 'half'"),
    (dict(submanifold_keep_ratio=None), 'submanifold_keep_ratio is None'),
    (dict(submanifold_keep_ratio=[0.5, 'a']), r"submanifold_keep_ratio is \[0.5, 'a'\]"),
    (dict(threshold=2), 'threshold is 2, and the sigmoid of a magnitude lies from 0.5'),
    (dict(threshold=0.3), 'threshold is 0.3'), (dict(threshold='x'), "threshold is 'x'")])
def test_values_that_cannot_be(options, words):
    with pytest.raises(ConfigError, match=words):
        PruningOptions(**options)


def test_accidents_of_the_release_are_off():
    assert not PruningOptions().as_published
    assert PruningOptions(colliding_keys=True).as_published
