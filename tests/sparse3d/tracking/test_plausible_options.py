"""Options of trackers that are none, given by name or as a dataclass."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import ConfigError
from sparse3d.tracking import (
    DepthCascadeOptions,
    GreedyOptions,
    QueryIdentityOptions,
    TwoStageOptions,
    make_tracker,
)
from sparse3d.tracking.class_motion import ClassMotion
from sparse3d.tracking.picture_tracker import PictureOptions

ALL = [GreedyOptions, TwoStageOptions, DepthCascadeOptions, QueryIdentityOptions, PictureOptions]


@pytest.mark.parametrize('options', ALL)
@pytest.mark.parametrize('value', [float('nan'), '1', None, True])
def test_numbers_that_are_none(options, value):
    for name, default in vars(options()).items():
        if isinstance(default, float):
            with pytest.raises(ConfigError, match=f'{name} '):
                options(**{name: value})


@pytest.mark.parametrize('options', ALL)
def test_scores_that_none_can_reach(options):
    name = next(name for name in vars(options()) if name.endswith(('birth_score', 'threshold')))
    with pytest.raises(ConfigError, match=f'{name} of a tracker is 95; scores lie between'):
        options(**{name: 95})


@pytest.mark.parametrize(('options', 'words'), [
    (dict(second_stage=-1), 'second_stage of a tracker is -1; it has to lie between 0 and 1'),
    (dict(min_generalized_iou=5), 'min_generalized_iou of a tracker is 5'),
    (dict(min_hits=1.5), 'min_hits of a tracker is 1.5; a value like 2'),
    (dict(min_hits=True), 'min_hits of a tracker is True'),
    (dict(cost=3), "cost of a tracker is 3; a value like 'center_distance'"),
    (dict(report_lost=1), 'report_lost of a tracker is 1'),
    (dict(motions=dict(car='truck')), "motions has 'truck' for 'car'; give a ClassMotion"),
    (dict(motions=['car']), 'give ClassMotion by name')])
def test_options_of_the_two_stages(options, words):
    with pytest.raises(ConfigError, match=words):
        TwoStageOptions(**options)


def test_what_is_taken():
    options = TwoStageOptions(max_lost=float('inf'), low_score=-1, min_hits=np.int64(3),
                              motions=dict(forklift=ClassMotion(max_distance=np.float32(2))))
    assert options.min_hits == 3


@pytest.mark.parametrize('value', [0, -1, float('nan'), float('inf'), '4', None])
def test_motions_that_are_none(value):
    with pytest.raises(ConfigError, match='speed of a class is .*; it has to be a number'):
        ClassMotion(speed=value)


def test_a_name_and_options_of_another_kind():
    with pytest.raises(ConfigError, match="there is no tracker None; there are greedy"):
        make_tracker(None)
    with pytest.raises(ConfigError, match=r"options of the tracker greedy are \['max_lost=2'\]"):
        make_tracker('greedy', ['max_lost=2'])
