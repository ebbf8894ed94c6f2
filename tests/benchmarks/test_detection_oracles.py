"""What a score would be with one part of each detection made true."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns
from sparse3d.datasets.nuscenes.evaluate.detection_score import DetectionRules
from sparse3d_benchmarks import detection_oracles
from sparse3d_benchmarks.detection_oracles import Scene, oracle_rows

CAR, TRUCK = 0, 1


def boxes(centers: list, labels: list[int], scores: list[float] | None = None) -> BoxColumns:
    """Boxes of one sample, whose vehicle is at (100, 50)."""
    count = len(centers)
    center = np.array([(100 + x, 50 + y, 0) for x, y in centers], float).reshape(-1, 3)
    return BoxColumns(
        np.zeros(count, np.int64), np.array(labels, np.int64), center,
        np.tile([2., 4., 1.5], (count, 1)), np.zeros(count), np.zeros((count, 2)),
        np.full(count, -1), np.array(scores or [0.5] * count, float),
        np.linalg.norm(center[:, :2] - (100, 50), axis=1), np.full(count, 5))


def scene_of(found: BoxColumns, objects: BoxColumns) -> Scene:
    return Scene(found, objects, np.array([[100., 50.]]))


def scores(scene: Scene, label: str = 'car') -> dict[str, float]:
    return {row['oracle']: row[label] for row in oracle_rows(scene, DetectionRules())}


def test_a_detection_too_far_away_is_lost_by_its_distance_alone():
    found = scores(scene_of(boxes([(26, 0), (0, 30)], [CAR, CAR]),
                            boxes([(20, 0), (0, 20)], [CAR, CAR])))
    assert found['as detected'] == 0 and found['true distance'] == pytest.approx(1)
    assert found['true class'] == 0 and found['true center'] == 0  # nothing within 4 m


def test_the_distance_is_that_of_an_object_of_the_class_in_its_direction():
    scene = scene_of(boxes([(26, 1), (26, 10), (10, 0)], [CAR, CAR, TRUCK]),
                     boxes([(20, 0), (40, 0)], [CAR, CAR]))
    moved = detection_oracles.true_distance(scene).center - (100, 50, 0)
    np.testing.assert_allclose(np.linalg.norm(moved[0, :2]), 20)
    np.testing.assert_allclose(np.arctan2(moved[0, 1], moved[0, 0]), np.arctan2(1, 26))
    np.testing.assert_array_equal(moved[1:], [[26, 10, 0], [10, 0, 0]])


def test_a_wrong_class_is_lost_by_the_class():
    found = scores(scene_of(boxes([(20, 0)], [TRUCK]), boxes([(20, 0)], [CAR])))
    assert found['as detected'] == 0 and found['true class'] == pytest.approx(1)
    assert found['true score'] == 0


def test_false_boxes_that_score_more_are_lost_by_the_score():
    found = scores(scene_of(boxes([(20, 0), (-20, 0), (0, 30)], [CAR] * 3, [0.1, 0.9, 0.8]),
                            boxes([(20, 0)], [CAR])))
    assert found['as detected'] < 0.5 and found['true score'] > 0.98


def test_doubles_are_left_out_class_by_class():
    found = boxes([(20, 0), (22, 0), (27, 0), (20, 1)], [CAR, CAR, CAR, TRUCK], [.4, .8, .3, .5])
    scene = scene_of(found, boxes([(20, 0)], [CAR]))
    kept = detection_oracles.without_doubles(scene)
    np.testing.assert_array_equal(kept.score, [.8, .3, .5])
    none = scene_of(boxes([], []), scene.objects)
    assert len(detection_oracles.without_doubles(none)) == 0


def test_what_was_overlooked_no_oracle_finds():
    found = scores(scene_of(boxes([(20, 1)], [TRUCK]), boxes([(20, 0), (-30, 0)], [CAR, CAR])))
    assert found['true class, center and score'] < 0.6


@pytest.mark.parametrize('some', [boxes([], []), boxes([(20, 0)], [CAR])])
def test_nothing_found_is_a_row_of_zeros(some):
    rows = oracle_rows(scene_of(boxes([], []), some), DetectionRules())
    assert len(rows) == len(detection_oracles.ORACLES) and not any(row['mAP'] for row in rows)
    assert detection_oracles.format_rows(rows).count('\n') == len(rows) + 1


def test_samples_are_kept_apart():
    found = boxes([(20, 0)], [TRUCK])
    scene = Scene(replace(found, sample=np.array([1])), boxes([(20, 0)], [CAR]),
                  np.array([[100., 50.], [100., 50.]]))
    assert detection_oracles.true_class(scene).label.tolist() == [TRUCK]
