"""Sparse4D with its graphs predicts what it predicts; PyTorch stands for the graphs."""
from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from sparse3d.engine.hooks import reusing_features
from sparse4d.deployable import DeployableSparse4D
from sparse4d.graph_host import host
from sparse4d_small import batch_of, predictions

SIZE = (30, 62)  # is padded to 32 x 64
CONFIG = Config(dict(test_dataloader=dict(dataset=dict(pipeline=[
    dict(type='AugmentImages', size=SIZE)]))))


def same(one, other):
    """Within what taking the normalization of images back and forth rounds."""
    torch.testing.assert_close(one.scores_3d, other.scores_3d, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(one.bboxes_3d.tensor, other.bboxes_3d.tensor, rtol=1e-3, atol=1e-3)
    assert one.get('track_ids') is None or torch.equal(one.track_ids, other.track_ids)


@pytest.mark.parametrize('with_ids', [True, False], ids=['ids', 'no ids'])
def test_a_drive_is_followed_as_by_the_detector(recurrent_detector, drive, with_ids):
    plain, hosted = (recurrent_detector(with_ids=with_ids) for _ in range(2))
    frames, scenes, ran = drive(5, size=SIZE), ['a', 'a', 'a', 'b', 'b'], []

    def graph(name, first):
        part = DeployableSparse4D(plain, (32, 64), first)
        return lambda inputs: (ran.append(name), part(inputs))[1]

    host(hosted, CONFIG, dict(first_frame=graph('first', True), next_frame=graph('next', False)))
    with reusing_features(plain), reusing_features(hosted):
        for frame, scene in zip(frames, scenes, strict=True):
            one, other = (predictions(model, model, batch_of([frame], [scene]))[0]
                          for model in (hosted, plain))
            same(one, other)
            assert ('track_ids' in one) == with_ids
    assert ran == ['first', 'next', 'next', 'first', 'next']


@torch.no_grad()
def test_samples_of_a_batch_begin_by_themselves_without_a_driver(recurrent_detector, drive):
    plain, hosted = recurrent_detector(), recurrent_detector()
    parts = {name: DeployableSparse4D(plain, (32, 64), name == 'first_frame')
             for name in ('first_frame', 'next_frame')}
    host(hosted, CONFIG, parts)
    frames = drive(2, size=SIZE)
    for one, frame in zip(predictions(hosted, hosted, batch_of(frames, ['a', 'b'])), frames,
                          strict=True):
        same(one, predictions(plain, plain, batch_of([frame], ['a']))[0])
