"""Ids of any kind become rows; what cannot be one sequence is refused."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.metrics.identity_frames import IdentityFrames


def test_ids_of_any_kind_become_rows():
    frames = IdentityFrames.of([['a', 'b'], ['b']], [[7], [9, 7]], [[[.5], [0]], [[1, 0]]])
    assert [rows.tolist() for rows in frames.gt] == [[0, 1], [1]]
    assert [rows.tolist() for rows in frames.pred] == [[0], [1, 0]]
    assert (len(frames), frames.num_gt, frames.num_pred) == (2, 2, 2)


def test_empty_frames_are_frames():
    frames = IdentityFrames.of([[], ['a'], []], [[1], [], []], [[], [], []])
    assert [value.shape for value in frames.similarity] == [(0, 1), (1, 0), (0, 0)]


@pytest.mark.parametrize(('gt', 'pred', 'similarity', 'words'), [
    ([['a']], [], [[]], '1 frames of objects, 0 of tracks'),
    ([['a', 'a']], [[]], [[]], "frame 0 has the object 'a' twice"),
    ([['a']], [[3, 3]], [[[1, 0]]], 'frame 0 has the track 3 twice'),
    ([['a']], [[3]], [[[1, 0]]], r'frame 0 have the shape \(1, 2\)'),
    ([['a']], [[3]], [[[-.5]]], 'not in 0..1'),
    ([['a']], [[3]], [[[np.nan]]], 'not in 0..1'),
])
def test_what_is_no_sequence_is_refused(gt, pred, similarity, words):
    with pytest.raises(DataError, match=words):
        IdentityFrames.of(gt, pred, similarity)
