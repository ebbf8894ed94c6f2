"""Objects found one by one, on scenes laid out by hand."""
from __future__ import annotations

import torch
from mmdet3d.structures import LiDARInstance3DBoxes

from sparse3d.metrics import MatchedObjectsMetric
from sparse3d.metrics.matched_objects import match_objects


def box(x: float, y: float = 0.0) -> list[float]:
    return [x, y, -1.0, 4.0, 2.0, 1.5, 0.0]


def points_in(x: float, count: int, y: float = 0.0) -> torch.Tensor:
    return torch.tensor([x, y, -0.5]) + 0.2 * torch.rand(count, 3)


LABELLED = torch.tensor([box(10), box(20), box(30)])
POINTS = torch.cat([points_in(10, 50), points_in(20, 6), points_in(30, 3)])


def find(detected: list[list[float]], scores: list[float]):
    return match_objects(torch.tensor(detected).reshape(-1, 7), torch.tensor(scores), LABELLED,
                         POINTS, min_points=5, iou_threshold=0.7)


def test_each_object_takes_its_best_detection_once():
    found = find([box(10.1), box(10.0), box(20.4), box(50)], [0.6, 0.9, 0.8, 0.5])
    assert found.points.tolist() == [50, 6]  # the third object has too few points
    torch.testing.assert_close(found.ious,
                               torch.tensor([1.0, 3.6 / 4.4], dtype=torch.float64))
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.8], dtype=torch.float64))
    assert sorted(round(score, 3) for score in found.false_scores.tolist()) == [0.5, 0.6]
    assert found.count_matched(0.7) == 2 and found.false_above_lowest() == 0


def test_a_false_positive_above_the_worst_object_is_counted():
    found = find([box(10), box(20), box(50)], [0.9, 0.3, 0.4])
    assert found.count_matched(0.7) == 2 and found.false_above_lowest() == 1


def test_a_detection_of_an_object_with_few_points_is_no_false_positive():
    found = find([box(10), box(20), box(30)], [0.9, 0.3, 0.99])
    assert found.false_above_lowest() == 0 and len(found.false_scores) == 0


def test_a_loose_detection_finds_nothing_and_is_false():
    found = find([box(11)], [0.9])
    assert found.count_matched(0.7) == 0 and len(found.false_scores) == 1


def test_nothing_detected_and_nothing_labeled():
    assert find([], []).count_matched(0.7) == 0
    nothing = match_objects(torch.tensor([box(5)]), torch.tensor([0.5]), torch.zeros(0, 7), POINTS,
                            min_points=5, iou_threshold=0.7)
    assert len(nothing.ious) == 0 and len(nothing.false_scores) == 1


def evaluate(samples: list[dict], clouds: list[torch.Tensor]) -> dict[str, float]:
    metric = MatchedObjectsMetric([0, -10, -3, 25, 10, 1])
    metric.process({'inputs': {'points': clouds}}, samples)
    return metric.evaluate(len(samples))


def sample(detected: list[list[float]], scores: list[float], labels: list[int]) -> dict:
    return {'pred_instances_3d': {
        'bboxes_3d': LiDARInstance3DBoxes(torch.tensor(detected).reshape(-1, 7)),
        'scores_3d': torch.tensor(scores), 'labels_3d': torch.tensor(labels, dtype=torch.long)},
        'eval_ann_info': {'gt_bboxes_3d': LiDARInstance3DBoxes(LABELLED),
                          'gt_labels_3d': torch.tensor([0, 0, 0]).numpy()}}


def test_the_metric_adds_frames_and_leaves_out_what_lies_beyond_the_range():
    found = evaluate([sample([box(10), box(20)], [0.9, 0.8], [0, 0]), sample([], [], [])],
                     [POINTS, POINTS])
    assert found == {
        'matched/objects': 4.0,
        'matched/matched': 2.0,
        'matched/false_above_lowest': 0.0,
    }


def test_a_detection_of_another_class_is_false():
    found = evaluate([sample([box(10), box(20)], [0.3, 0.8], [0, 1])], [POINTS])
    assert found == {
        'matched/objects': 2.0,
        'matched/matched': 1.0,
        'matched/false_above_lowest': 1.0,
    }
