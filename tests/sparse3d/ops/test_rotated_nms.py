"""Rotated suppression against the greedy loop and mmcv's operator."""
from __future__ import annotations

import math

import pytest
import torch
from mmcv.ops import nms_rotated

from sparse3d.errors import BackendUnavailable
from sparse3d.ops.rotated_nms import rotated_nms


def crowd(number, span):
    boxes = torch.rand(number, 5) * torch.tensor([span, span, 4.0, 2.0, 7.0])
    return boxes + torch.tensor([0.0, 0.0, 0.5, 0.5, -3.5]), torch.rand(number)


def test_chain_of_three_by_hand():
    """The middle box is dropped by the best, so it no longer drops the last."""
    boxes = torch.tensor([[0.0, 0, 3, 1, 0], [1, 0, 3, 1, 0], [2, 0, 3, 1, 0]])  # 1/2, 1/5
    assert rotated_nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.3).tolist() == [0, 2]
    assert rotated_nms(boxes, torch.tensor([0.8, 0.9, 0.7]), 0.3).tolist() == [1]
    assert rotated_nms(boxes, torch.tensor([0.7, 0.8, 0.9]), 0.6).tolist() == [2, 1, 0]


@pytest.mark.parametrize('number, span', [(100, 3.0), (400, 20.0)])
@pytest.mark.parametrize('threshold', [0.05, 0.3, 0.6])
def test_agrees_with_mmcv(number, span, threshold):
    boxes, scores = crowd(number, span)
    _, expected = nms_rotated(boxes, scores, threshold)
    kept = rotated_nms(boxes, scores, threshold)
    assert 0 < len(kept) < number
    assert torch.equal(kept, expected)


@pytest.mark.parametrize('labeled', [False, True])
def test_rounds_agree_with_the_greedy_reference(labeled):
    boxes, scores = crowd(60, 6.0)
    labels = torch.randint(3, (60,)) if labeled else None
    kept = rotated_nms(boxes, scores, 0.1, labels)
    assert torch.equal(kept, rotated_nms(boxes, scores, 0.1, labels, backend='reference'))
    if labeled:
        assert len(kept) > len(rotated_nms(boxes, scores, 0.1))


def test_a_long_chain_needs_as_many_rounds_as_boxes():
    boxes = torch.zeros(50, 5)
    boxes[:, 0], boxes[:, 2:4] = torch.arange(50), torch.tensor([1.5, 1.0])
    scores = torch.linspace(1, 0, 50)
    assert rotated_nms(boxes, scores, 0.1).tolist() == list(range(0, 50, 2))


@pytest.mark.parametrize('turn', [0.0, math.pi, -math.pi])
def test_equal_boxes_leave_one(turn):
    box = torch.tensor([[3.0, -2.0, 4.0, 2.0, 0.7]])
    boxes = torch.cat([box, box + torch.tensor([0, 0, 0, 0, turn])])
    assert rotated_nms(boxes, torch.tensor([0.5, 0.5]), 0.9).tolist() == [0]


def test_no_boxes():
    assert rotated_nms(torch.zeros(0, 5), torch.zeros(0), 0.5).shape == (0,)


def test_wrong_input_is_named():
    boxes, scores = crowd(3, 1.0)
    with pytest.raises(ValueError, match='table'):
        rotated_nms(boxes[:, :4], scores, 0.5)
    for threshold in (-1.0, float('nan')):
        with pytest.raises(ValueError, match=f'iou_threshold is {threshold}'):
            rotated_nms(boxes, scores, threshold)
    with pytest.raises(ValueError, match='3 boxes have .* scores'):
        rotated_nms(boxes, scores[:2], 0.5)
    with pytest.raises(ValueError, match='labels'):
        rotated_nms(boxes, scores, 0.5, labels=torch.zeros(2))
    with pytest.raises(BackendUnavailable, match='no backend'):
        rotated_nms(boxes, scores, 0.5, backend='cuda')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs an NVIDIA GPU')
def test_gpu_keeps_the_boxes_of_the_cpu():
    boxes, scores = crowd(500, 20.0)
    kept = rotated_nms(boxes.cuda(), scores.cuda(), 0.2)
    assert torch.equal(kept.cpu(), rotated_nms(boxes, scores, 0.2))


def test_as_many_rounds_at_once_as_a_gpu_makes_keep_the_same_boxes(monkeypatch):
    boxes, scores = crowd(200, 12.0)
    labels = torch.randint(0, 2, (200,))
    expected = rotated_nms(boxes, scores, 0.2), rotated_nms(boxes, scores, 0.2, labels)
    monkeypatch.setattr('sparse3d.ops.rotated_nms.ROUNDS_AT_ONCE', {})
    assert torch.equal(rotated_nms(boxes, scores, 0.2), expected[0])
    assert torch.equal(rotated_nms(boxes, scores, 0.2, labels), expected[1])
