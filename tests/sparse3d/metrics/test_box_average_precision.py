"""Average precision of boxes, by hand and against a plain loop."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from sparse3d.errors import DataError
from sparse3d.metrics import evaluate_boxes
from sparse3d.ops.rotated_iou import rotated_iou_3d

CAR = [10, 0, -1, 4, 2, 1.5, 0]
FAR = [30, 5, -1, 4, 2, 1.5, 1]


def frame(boxes, scores=None, labels=None):
    result = dict(boxes=np.array(boxes, float).reshape(-1, 7),
                  labels=np.zeros(len(boxes), int) if labels is None else np.array(labels))
    return result if scores is None else dict(result, scores=np.array(scores, float))


def test_all_found_is_100_and_half_found_is_50():
    result = evaluate_boxes([frame([CAR, FAR], [.9, .8])], [frame([CAR, FAR])], ['car'])
    assert set(result.average_precision.values()) == {100.0}
    result = evaluate_boxes([frame([CAR], [.9])], [frame([CAR, FAR])], ['car'])
    assert result.average_precision['car_3D_0.5'] == 50 == result.recall['car_3D_0.5']


def test_a_false_positive_costs_only_below_its_score():
    wrong = [20, 0, -1, 4, 2, 1.5, 0]
    last = evaluate_boxes([frame([CAR, wrong], [.9, .1])], [frame([CAR])], ['car'])
    first = evaluate_boxes([frame([CAR, wrong], [.1, .9])], [frame([CAR])], ['car'])
    assert last.average_precision['car_3D_0.5'] == 100
    assert first.average_precision['car_3D_0.5'] == 50


def test_an_object_is_found_once():
    twice = evaluate_boxes([frame([CAR, CAR, FAR], [.9, .8, .1])], [frame([CAR, FAR])], ['car'])
    # precision 1 up to recall 1/2, then 2/3
    assert twice.average_precision['car_3D_0.5'] == pytest.approx(100 * (.5 + .5 * 2 / 3))


def test_kinds_and_thresholds():
    raised = [*CAR[:2], CAR[2] + 0.75, *CAR[3:]]  # from above the same, in space a third
    result = evaluate_boxes([frame([raised], [.9])], [frame([CAR])], ['car'], (0.3, 0.5))
    assert result.average_precision['car_BEV_0.5'] == 100
    assert result.average_precision['car_3D_0.3'] == 100
    assert result.average_precision['car_3D_0.5'] == 0


def test_classes_without_objects_are_named_not_scored():
    result = evaluate_boxes([frame([CAR], [.9], [1])], [frame([CAR])], ['car', 'bus'])
    assert result.notes == ('no ground truth for class bus: it is not scored', )
    assert result.average_precision['mAP_3D_0.5'] == 0 and 'bus_3D_0.5' not in result.recall
    nothing = evaluate_boxes([frame([], [])], [frame([])], ['car'])
    assert 'no ground truth for class car' in nothing.table()


def test_random_frames_agree_with_a_loop():
    random = np.random.default_rng(3)
    predictions, truth = [], []
    for _ in range(12):
        boxes = np.column_stack([random.uniform(0, 30, (6, 2)), np.full(6, -1.0),
                                 np.tile([4, 2, 1.5], (6, 1)), random.uniform(-3, 3, 6)])
        moved = boxes + random.normal(0, .25, boxes.shape) * [1, 1, .3, .3, .3, .1, .3]
        predictions.append(frame(moved[random.random(6) > .2], None))
        predictions[-1]['scores'] = random.random(len(predictions[-1]['boxes']))
        truth.append(frame(boxes))
    result = evaluate_boxes(predictions, truth, ['car'], (0.5, ), ('3D', ))
    assert result.average_precision['car_3D_0.5'] == pytest.approx(loop(predictions, truth, .5))
    assert 20 < result.average_precision['car_3D_0.5'] < 95


def loop(predictions, truth, threshold):
    """One detection after the other over all frames, best first."""
    ranked = sorted(((score, row, place) for row, frame in enumerate(predictions)
                     for place, score in enumerate(frame['scores'])), reverse=True)
    taken, hits = set(), []
    for _, row, place in ranked:
        overlaps = [(float(rotated_iou_3d(torch.tensor(predictions[row]['boxes'][place:place + 1]),
                                          torch.tensor(truth[row]['boxes'][at:at + 1]))), at)
                    for at in range(len(truth[row]['boxes'])) if (row, at) not in taken]
        best = max(overlaps, default=(0, -1))
        hits.append(best[0] >= threshold)
        if hits[-1]:
            taken.add((row, best[1]))
    objects = sum(len(frame['boxes']) for frame in truth)
    curve = [(sum(hits[:n]) / objects, sum(hits[:n]) / n) for n in range(1, len(hits) + 1)]
    return 100 / 40 * sum(max([p for r, p in curve if r >= step / 40 - 1e-9], default=0)
                          for step in range(1, 41))


def test_what_cannot_be_scored_is_named():
    with pytest.raises(DataError, match='1 predicted frames do not go with 2'):
        evaluate_boxes([frame([CAR], [1])], [frame([CAR])] * 2, ['car'])
    with pytest.raises(DataError, match='scores that are not finite'):
        evaluate_boxes([frame([CAR], [np.nan])], [frame([CAR])], ['car'])
    with pytest.raises(DataError, match='lacks scores'):
        evaluate_boxes([frame([CAR])], [frame([CAR])], ['car'])
