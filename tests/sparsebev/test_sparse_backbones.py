"""Image backbones that leave out a part of the images: in batches, streams, driven drives."""
from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmdet3d.registry import MODELS

from sparse3d.engine.hooks import reusing_features
from sparse3d.errors import ConfigError
from sparse3d.structures.camera_frame import CameraFrame
from sparsebev.streaming import open_stream
from sparsebev_outputs import detections, joined, same

SWIN = dict(embed_dims=8, depths=(2, 2), num_heads=(1, 2), strides=(4, 2), out_indices=(0, 1))
RATIOS = [[.5, .5], [.5, .5]]
SEEKING = dict(
    type='ObjectSeeking', early_stages=1, patch=(16, 16), threshold=0.2,
    net=dict(type='mmdet.ResNet', depth=18, base_channels=8, num_stages=2, strides=(1, 2),
             dilations=(1, 1), out_indices=(0, 1), norm_eval=True))


@pytest.fixture
def sparse_detector(build_detector):
    """Function that builds a detector with another backbone."""

    def build(backbone: dict, frames: int = 3, **options):
        model = build_detector(frames, **options)
        torch.manual_seed(1)
        model.backbone = MODELS.build(backbone)
        return model.eval()
    return build


def swin(**more) -> dict:
    return dict(type='SparseSwin', ratios=RATIOS, **SWIN, **more)


BACKBONES = pytest.mark.parametrize('backbone', [swin(), swin(budget='sample'), SEEKING],
                                    ids=['image', 'sample', 'seeking'])


def test_nothing_left_out_is_mmdets_swin(sparse_detector, drive, batch_of):
    ours = sparse_detector(dict(swin(), ratios=None))
    theirs = sparse_detector(dict(type='mmdet.SwinTransformer', **SWIN))
    theirs.load_state_dict(ours.state_dict())
    batch = batch_of(drive(3), 3)
    one, other = detections(ours, batch)[0], detections(theirs, batch)[0]
    assert torch.equal(one.scores_3d, other.scores_3d)


@BACKBONES
def test_a_stream_gives_the_offline_result(sparse_detector, drive, batch_of, backbone):
    """With a camera missing as well: it takes no windows from the others."""
    model = sparse_detector(backbone)
    taken, stream = drive(4), open_stream(model)
    there = [np.array([True, number != 1]) for number in range(4)]
    for last in range(1, 5):
        (found,) = stream(CameraFrame(**taken[last - 1], valid=there[last - 1]))
        chosen = [there[max(last - 1 - step, 0)] for step in range(3)]
        same(found.instances, detections(model, batch_of(
            taken[:last], 3, image_valid=np.concatenate(chosen)))[0])


@BACKBONES
def test_samples_of_a_batch_do_not_depend_on_each_other(sparse_detector, drive, batch_of, backbone):
    model = sparse_detector(backbone)
    one, two = batch_of(drive(3), 3), batch_of(drive(3, seed=1), 3)
    together = detections(model, joined(one, two))
    same(together[0], detections(model, one)[0])
    same(together[1], detections(model, two)[0])


@BACKBONES
def test_every_weight_learns(sparse_detector, drive, batch_of, backbone):
    model = sparse_detector(backbone).train()
    losses = model(**model.data_preprocessor(batch_of(drive(3), 3), True), mode='loss')
    assert ('loss_object_seeking' in losses) == (backbone is SEEKING)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    without = [name for name, value in model.backbone.named_parameters() if value.grad is None]
    assert all('fc' in name for name in without), without


def test_only_the_frames_that_teach_give_a_loss(sparse_detector, drive, batch_of):
    model = sparse_detector(SEEKING, frames_with_gradient=1).train()
    losses = model(**model.data_preprocessor(batch_of(drive(3), 3), True), mode='loss')
    assert losses['loss_object_seeking'] > 0


def test_other_ratios_make_kept_features_void(sparse_detector, drive, batch_of):
    model, batch = sparse_detector(swin(), cache_frames=4), batch_of(drive(3), 3)
    plain = copy.deepcopy(model)
    with reusing_features(model):
        for ratios in (RATIOS, None, RATIOS):
            for each in (model, plain):
                each.backbone.set_ratios(ratios)
            same(detections(model, batch)[0], detections(plain, batch)[0])


def test_a_stream_refuses_other_ratios_until_it_is_reset(sparse_detector, drive):
    model, taken = sparse_detector(swin()), drive(3)
    stream = open_stream(model)
    stream(CameraFrame(**taken[0]))
    model.backbone.set_ratios(None)
    with pytest.raises(ConfigError, match=r'ratios .* changed .* reset\(\) the stream first'):
        stream(CameraFrame(**taken[1]))
    stream.reset()
    assert stream(CameraFrame(**taken[1]))
