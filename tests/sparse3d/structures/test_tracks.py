"""Tracks as data."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import Tracks

BOXES = np.arange(18, dtype=float).reshape(2, 9) + 1


def some(**changes) -> Tracks:
    return Tracks(**{**dict(boxes_3d=BOXES, scores=[.9, .5], labels=[1, 0],
                            class_names=('car', 'bus'), ids=[7, 3], ages=[4, 0],
                            states=['confirmed', 'lost'], timestamp=2.5), **changes})


def test_rows_and_single_tracks():
    tracks = some()
    first, second = tracks
    assert (first.id, first.name, first.age, first.state) == (7, 'bus', 4, 'confirmed')
    assert first.velocity.tolist() == [8, 9] and second.score == .5
    assert tracks[1].ids.tolist() == tracks[[False, True]].ids.tolist() == [3]
    assert tracks.in_state('lost').ids.tolist() == [3] and len(tracks[[]]) == 0
    assert tracks[0].timestamp == 2.5


def test_detections_with_ids_and_back():
    found = Detections(BOXES[:, :7], np.array([.9, .5]), np.array([1, 0]), ('car', 'bus'),
                       name='a')
    tracks = Tracks.of(found, [1, 2], timestamp=1.0)
    assert np.isnan(tracks.boxes_3d[:, 7:]).all() and tracks.name == 'a'
    assert tracks.detections.names == ['bus', 'car']
    assert len(Tracks.of(found[[]], [])) == 0


@pytest.mark.parametrize(('changes', 'words'), [
    (dict(boxes_3d=BOXES[:, :8]), r'have the shape \(2, 8\)'),
    (dict(ids=[1]), '2 boxes of tracks do not go with 1 ids'),
    (dict(ids=[3, 3]), 'the id 3 stands 2 times in frame frame'),
    (dict(labels=[0, 2]), 'a track has the label 2, but there are names for 2 classes'),
    (dict(states=['confirmed', 'gone']), "has the state 'gone'; there are tentative")])
def test_what_is_no_track(changes, words):
    with pytest.raises(DataError, match=words):
        some(**changes)


def test_a_state_that_is_none():
    with pytest.raises(DataError, match="'away' is no state"):
        some().in_state('away')
