"""nuScenes' score against the devkit's own, on random boxes."""
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sparse3d.datasets.nuscenes.categories import ATTRIBUTES, CLASSES
from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns, yaw_of
from sparse3d.datasets.nuscenes.evaluate.detection_score import (
    RULES,
    detection_score,
    rules_named,
)
from sparse3d.errors import ConfigError, DataError

RULES_2019 = RULES['detection_cvpr_2019']


def random_records(random: np.random.Generator, samples: int, number: int, classes: int,
                   coarse: bool) -> list[dict]:
    """Boxes of few classes; coarse ones have ties of distances, scores, sizes and headings."""
    records = []
    for _ in range(number):
        center = np.append(random.uniform(-12, 12, 2), 0.0)
        turn = random.uniform(-np.pi, np.pi)
        score, velocity = random.uniform(), random.normal(size=2)
        size = random.uniform(0.5, 5, 3)
        if coarse:
            center, turn, score = np.round(center / 2), np.round(turn) / 2, np.round(score, 1)
            velocity, size = np.round(velocity), np.ceil(size)
        if random.uniform() < 0.1:
            velocity = np.full(2, np.nan)
        records.append(dict(
            sample=int(random.integers(samples)), translation=center, size=size,
            rotation=np.array([np.cos(turn / 2), 0, 0, np.sin(turn / 2)]) * random.choice([1, -1]),
            velocity=velocity, name=CLASSES[int(random.integers(classes))], score=float(score),
            attribute=random.choice(['', *ATTRIBUTES[:3]])))
    return sorted(records, key=lambda record: record['sample'])


def as_columns(records: list[dict]) -> BoxColumns:
    def stacked(key: str, width: int) -> np.ndarray:
        return np.array([record[key] for record in records], np.float64).reshape(-1, width)
    center = stacked('translation', 3)
    return BoxColumns(
        sample=np.array([record['sample'] for record in records], np.int64),
        label=np.array([CLASSES.index(record['name']) for record in records], np.int64),
        center=center, size=stacked('size', 3), yaw=yaw_of(stacked('rotation', 4)),
        velocity=stacked('velocity', 2),
        attribute=np.array([ATTRIBUTES.index(record['attribute']) if record['attribute'] else -1
                            for record in records], np.int64),
        score=stacked('score', 1)[:, 0], distance=np.linalg.norm(center[:, :2], axis=1),
        num_points=np.full(len(records), -1))


def devkit_summary(pred: list[dict], gt: list[dict], samples: int) -> dict:
    """What the devkit's evaluation says of boxes that are within range."""
    evaluation = pytest.importorskip('nuscenes.eval.detection.evaluate').DetectionEval
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.detection.config import config_factory
    from nuscenes.eval.detection.data_classes import DetectionBox
    judge = evaluation.__new__(evaluation)
    judge.cfg, judge.verbose = config_factory('detection_cvpr_2019'), False
    for side, records in (('pred_boxes', pred), ('gt_boxes', gt)):
        boxes = EvalBoxes()
        for sample in range(samples):
            boxes.add_boxes(str(sample), [DetectionBox(
                sample_token=str(sample), translation=tuple(record['translation']),
                size=tuple(record['size']), rotation=tuple(record['rotation']),
                velocity=tuple(record['velocity']), detection_name=record['name'],
                detection_score=record['score'], attribute_name=str(record['attribute']))
                for record in records if record['sample'] == sample])
        setattr(judge, side, boxes)
    return judge.evaluate()[0].serialize()


def same(found, expected) -> bool:
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], value)
                                                     for key, value in expected.items())
    if isinstance(expected, str):
        return found == expected
    return found == pytest.approx(expected, rel=0, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize('coarse', [False, True])
@pytest.mark.parametrize(('samples', 'detections', 'objects', 'classes'), [
    (1, 40, 30, 2), (4, 300, 60, 10), (6, 60, 200, 10), (3, 500, 20, 1), (2, 30, 30, 10),
    (2, 0, 20, 3), (2, 20, 0, 3)])
def test_random_boxes(samples, detections, objects, classes, coarse):
    compared = 0
    for seed in range(4):
        random = np.random.default_rng((seed, coarse, detections))
        pred = random_records(random, samples, detections, classes, coarse)
        gt = random_records(random, samples, objects, classes, coarse)
        found = detection_score(as_columns(pred), as_columns(gt), RULES_2019)
        expected = devkit_summary(pred, gt, samples)
        assert set(found) == set(expected)
        for key in set(expected) - {'eval_time'}:
            assert same(found[key], expected[key]), (seed, key)
        compared += 0 < found['mean_ap'] < 1
    assert compared >= (2 if detections and objects else 0)


def test_a_car_by_hand():
    """Found last of three, one meter off, half as long, a quarter turned, of another attribute."""
    box = dict(sample=0, translation=[5.0, 0, 0], size=[2.0, 4.0, 1.5], rotation=[1.0, 0, 0, 0],
               velocity=[1.0, 0], name='car', score=0.2, attribute='vehicle.moving')
    far = dict(box, translation=[20.0, 0, 0])
    quarter = [np.sqrt(.5), 0, 0, np.sqrt(.5)]
    pred = [dict(far, score=.9), dict(far, score=.8),
            dict(box, translation=[5.0, 1.0, 0], size=[2.0, 2.0, 1.5], rotation=quarter,
                 velocity=[1.0, 3.0], attribute='vehicle.parked')]
    score = detection_score(as_columns(pred), as_columns([box]), RULES_2019)
    # Precision rises with recall to a third; the part below 0.1 does not count.
    area = np.maximum(np.arange(11, 101) / 300 - 0.1, 0).mean() / 0.9
    assert score['label_aps']['car'] == pytest.approx({.5: 0, 1.: 0, 2.: area, 4.: area})
    assert score['label_tp_errors']['car'] == pytest.approx(dict(
        trans_err=1, scale_err=.5, orient_err=np.pi / 2, vel_err=3, attr_err=1))
    assert score['nd_score'] == pytest.approx((5 * score['mean_ap'] + sum(
        max(0, 1 - error) for error in score['tp_errors'].values())) / 10)


def test_what_cannot_be_scored():
    box = dict(sample=0, translation=[5.0, 0, 0], size=[2.0, 4.0, 1.5], rotation=[1.0, 0, 0, 0],
               velocity=[1.0, 0], name='car', score=0.2, attribute='')
    flat = as_columns([dict(box, size=[2.0, 0.0, 1.5])])
    with pytest.raises(DataError, match='a car has a size that is not above 0'):
        detection_score(flat, as_columns([box]), RULES_2019)
    gt = as_columns([box, dict(box, translation=[50.0, 0, 0])])
    with pytest.raises(DataError, match='a car has a score below 0'):
        detection_score(as_columns([dict(box, score=-1.0)]), gt, RULES_2019)
    with pytest.raises(ConfigError, match="'detection_2018' is no configuration"):
        rules_named('detection_2018')


def test_the_rules_are_the_devkits():
    config = pytest.importorskip('nuscenes.eval.detection.config')
    expected = config.config_factory('detection_cvpr_2019').serialize()
    assert RULES_2019.as_dict() == expected
    assert list(RULES_2019.class_range) == list(expected['class_range'])
    assert dataclasses.is_dataclass(RULES_2019)
