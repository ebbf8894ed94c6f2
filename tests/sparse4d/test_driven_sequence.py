"""A data set detected in order: one sample after the other, whatever the batch."""
from __future__ import annotations

import pytest
import torch

from sparse3d.engine.hooks import reusing_features
from sparse3d.errors import Sparse3DWarning
from sparse4d.driven_sequence import DrivenSequence
from sparse4d.driven_sequence import drive as open_drive
from sparse4d_small import batch_of, predictions, same


def test_samples_of_a_batch_follow_each_other(recurrent_detector, drive):
    model, frames, scenes = recurrent_detector(), drive(4), ['a', 'a', 'b', 'b']
    one, two = DrivenSequence(model), DrivenSequence(model)
    alone = [predictions(model, one, batch_of([frame], [scene]))[0]
             for frame, scene in zip(frames, scenes, strict=True)]
    pairs = [found for start in (0, 2) for found in predictions(
        model, two, batch_of(frames[start:start + 2], scenes[start:start + 2]))]
    for single, found in zip(alone, pairs, strict=True):
        same(found, single)
    assert not set(alone[1].track_ids.tolist()) & set(alone[2].track_ids.tolist())
    assert set(alone[2].track_ids.tolist()) & set(alone[3].track_ids.tolist())


def test_the_driver_owns_what_is_remembered(recurrent_detector, drive):
    model, frames = recurrent_detector(), drive(2)
    with reusing_features(model) as driver:
        first = [predictions(model, model, batch_of([frame], ['a']))[0] for frame in frames]
        assert isinstance(driver, DrivenSequence) and driver.state is not None
    with reusing_features(model):
        again = [predictions(model, model, batch_of([frame], ['a']))[0] for frame in frames]
    for one, other in zip(first, again, strict=True):
        same(other, one)
    alone = predictions(model, model, batch_of(frames[1:], ['a']))[0]  # no driver: a first frame
    assert (alone.scores_3d - first[1].scores_3d).abs().max() > 1e-4
    torch.testing.assert_close(alone.track_ids.sort().values, torch.arange(24))


def test_frames_spread_over_processes_are_said_to_be(monkeypatch):
    monkeypatch.setattr('sparse4d.driven_sequence.get_world_size', lambda: 8)
    with pytest.warns(Sparse3DWarning, match='spread over 8 processes'):
        open_drive(None)
