"""CenterPoint's coder keeps the limits that it was given, and is silent from frame to frame."""
from __future__ import annotations

import warnings

import pytest
import torch
from mmdet3d.models.task_modules.coders import CenterPointBBoxCoder

from sparse3d.compat import center_point_limits

LIMITS = [-8., -8., -9., 8., 8., 9.]


@pytest.fixture(autouse=True)
def repaired():
    center_point_limits.apply_patch()


def frame():
    torch.manual_seed(0)
    return (torch.rand(1, 1, 8, 8), *(torch.rand(1, channels, 8, 8) for channels in (1, 1, 1, 3)))


def decode(of, coder):
    heat, sine, cosine, height, size = frame()
    return of(coder, heat, sine, cosine, height, size, None, reg=None)


def coder():
    return CenterPointBBoxCoder([-8, -8], 2, [1, 1], LIMITS, max_num=5, code_size=7)


def test_upstream_warns_in_the_second_frame():
    made = coder()
    decode(CenterPointBBoxCoder.decode.upstream, made)
    with pytest.warns(UserWarning, match='copy construct from a tensor'):
        decode(CenterPointBBoxCoder.decode.upstream, made)


def test_the_second_frame_is_silent_and_has_the_same_boxes():
    made = coder()
    wanted, = decode(CenterPointBBoxCoder.decode.upstream, coder())
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        found = [decode(CenterPointBBoxCoder.decode, made)[0] for _ in range(2)]
    assert made.post_center_range is LIMITS
    for each in found:
        assert all(torch.equal(each[key], wanted[key]) for key in ('bboxes', 'scores', 'labels'))


def test_repairing_twice_changes_nothing():
    before = CenterPointBBoxCoder.decode
    center_point_limits.apply_patch()
    assert CenterPointBBoxCoder.decode is before
