"""The choice of frames: by hand, and as SparseBEV's released code chose them."""
from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sparse3d.errors import ConfigError
from sparse3d.transforms.camera_frames import FrameChoice, Timeline

GOLDEN = json.loads((Path(__file__).parents[2]
                     / 'fixtures/sparsebev_frames/frame_choice.json').read_text())
ROWS = GOLDEN['info_order']
KINDS = {'past': ('past', 8), 'future': ('future', 15), 'interleave': ('interleaved', 15)}


@pytest.fixture
def published() -> Timeline:
    return Timeline([name[:2] for name in ROWS], [5] * len(ROWS))


def name_of(camera_set: tuple[int, int]) -> str:
    """As in the golden: a set is counted from the key frame before it."""
    row, number = camera_set
    return ROWS[row] if number == 0 else f'{ROWS[row - 1]}+{6 - number}'


@pytest.mark.parametrize('row', GOLDEN['collect_sweeps'])
def test_candidates_are_the_published_ones(published, row):
    expected = GOLDEN['collect_sweeps'][row]
    assert list(map(name_of, published.past(int(row)))) == expected['prev'][:66]
    future = published.future(int(row), across_scenes=True)
    assert [name_of(item) for item in future][:len(expected['next'])] == expected['next']


@pytest.mark.parametrize('kind', KINDS)
def test_test_frames_are_the_published_ones(published, kind):
    choice = FrameChoice(KINDS[kind][1], KINDS[kind][0], across_scenes=True)
    for row, expected in GOLDEN[f'test_{kind}'].items():
        assert list(map(name_of, choice.choose(published, int(row), False))) == expected


@pytest.mark.parametrize('kind', KINDS)
def test_train_frames_are_the_published_ones(published, kind, monkeypatch):
    choice = FrameChoice(KINDS[kind][1], KINDS[kind][0], across_scenes=True)
    for case, expected in GOLDEN[f'train_{kind}'].items():
        interval, row = (int(part) for part in re.findall(r'\d+', case))
        drawn = []

        def forced(low, high, drawn=drawn, interval=interval):
            drawn.append([low, high])
            return min(max(interval, low), high - 1)
        monkeypatch.setattr(np.random, 'randint', forced)
        chosen = choice.choose(published, row, True)
        if kind == 'past' and expected['drawn_from'] is not None:
            assert drawn == [expected['drawn_from']]
        if expected['drawn_from'] is None or interval < expected['drawn_from'][1]:
            assert list(map(name_of, chosen)) == expected['frames'], case


def test_later_frames_stop_at_the_end_of_the_scene(published):
    chosen = FrameChoice(5, 'future').choose(published, 7, False)
    assert list(map(name_of, chosen)) == ['s0k7', 's0k6', 's0k5', 's0k8', 's0k8']
    assert FrameChoice(3, 'future').choose(published, 8, False)[2] == (8, 0)


def test_key_frames_alone_and_other_rates():
    alone = Timeline('aaab', [0, 0, 0, 0])
    choice = FrameChoice(3)
    assert choice.choose(alone, 2, False) == [(2, 0), (1, 0), (0, 0)]
    assert choice.choose(alone, 2, True) == [(2, 0), (1, 0), (0, 0)]
    assert choice.choose(alone, 3, True) == [(3, 0)] * 3       # another scene
    twice = Timeline('aaa', [9, 1, 1])                         # the first sample has none before
    assert choice.choose(twice, 2, False) == [(2, 0), (1, 0), (0, 0)]
    assert twice.past(2) == [(2, 1), (1, 0), (1, 1), (0, 0)]


def test_a_set_that_is_missing_does_not_move_the_key_frames():
    timeline = Timeline('aaa', [0, 5, 2])
    assert FrameChoice(3).choose(timeline, 2, False) == [(2, 0), (1, 0), (0, 0)]
    assert timeline.past(2)[:6] == [(2, 1), (2, 2), (2, 2), (2, 2), (2, 2), (1, 0)]


def test_one_frame_and_nothing_at_all():
    assert FrameChoice().choose(Timeline('a', [0]), 0, True) == [(0, 0)]
    assert Timeline([], []).per_key == 1


@pytest.mark.parametrize('options', [
    dict(num_frames=0), dict(num_frames=4, kind='future'), dict(kind='all'),
    dict(train_intervals=(8, 4)), dict(test_interval=0)])
def test_contradictory_options_are_refused(options):
    with pytest.raises(ConfigError):
        FrameChoice(**options)


def test_key_frames_alone():
    timeline = Timeline('aaaaaabb', [0, 5, 5, 5, 5, 5, 0, 5])
    choice = FrameChoice(4, key_frames=True, train_intervals=(1, 2), test_interval=1)
    assert choice.choose(timeline, 5, False) == [(5, 0), (4, 0), (3, 0), (2, 0)]
    assert choice.choose(timeline, 7, False) == [(7, 0), (6, 0), (7, 0), (7, 0)]
    assert choice.choose(timeline, 0, True) == [(0, 0)] * 4
    drawn = {tuple(row for row, _ in choice.choose(timeline, 5, True)) for _ in range(40)}
    assert drawn == {(5, 4, 3, 2), (5, 3, 1, 5)}
    with pytest.raises(ConfigError, match="kind 'past', not 'future'"):
        FrameChoice(3, 'future', key_frames=True)
