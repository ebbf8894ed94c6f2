"""Range with its ends; suppression class by class."""
from __future__ import annotations

from math import pi

import torch

from sparse3d.models.center.selection import in_range, suppress_by_class


def test_the_ends_of_the_range_belong_to_it_and_what_is_not_a_number_does_not():
    centers = torch.tensor([[0.0, 1, 2], [0, 1, 2.1], [-1, 1, 0], [float('nan'), 0, 0]])
    assert in_range(centers, [-1, 0, 0, 0, 1, 2]).tolist() == [True, False, True, False]
    assert in_range(centers[:0], [0] * 6).tolist() == []


def test_suppression_sees_true_or_turned_boxes():
    # Two parallel lanes, 2.5 m apart: long boxes that do not touch, unless turned by 90 degrees.
    lanes = torch.tensor([[0, 0, 0, 8, 2, 2, 0], [0, 2.5, 0, 8, 2, 2, 0.0]])
    scores, labels = torch.tensor([0.9, 0.8]), torch.tensor([0, 0])
    assert suppress_by_class(lanes, scores, labels, (0.3, )).tolist() == [0, 1]
    assert suppress_by_class(lanes, scores, labels, (0.3, ),
                             published_turned_nms=True).tolist() == [0]
    turned = lanes.clone()
    turned[:, 6] = pi / 2                                        # behind each other: 5.5 m shared
    assert suppress_by_class(turned, scores, labels, (0.3, )).tolist() == [0]
    assert suppress_by_class(turned, scores, torch.tensor([0, 1]), (0.3, 0.3)).tolist() == [0, 1]


def test_limits_count_for_each_class_and_classes_without_threshold_go():
    boxes = torch.zeros(6, 7)
    boxes[:, 0], boxes[:, 3:6] = torch.arange(6) * 10.0, 1.0
    scores = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    labels = torch.tensor([0, 0, 0, 2, 1, 1])
    assert suppress_by_class(boxes, scores, labels, {1: 0.5, 0: 0.5}, nms_pre=2).tolist() == [
        5, 4, 2, 1]
    assert suppress_by_class(boxes, scores, labels, [0.5] * 3, nms_post=1).tolist() == [2, 5, 3]
    assert suppress_by_class(boxes, scores, labels, {}).tolist() == []
