"""KITTI AP against the official C++ program and hand-made frames."""
from __future__ import annotations

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest

from sparse3d.datasets.kitti.evaluate import KittiObjects, evaluate_kitti
from sparse3d.datasets.kitti.evaluate.average_precision import average_precision
from sparse3d.datasets.kitti.prepare.text import read_labels
from sparse3d.errors import ConfigError, DataError

FIXTURES = Path(__file__).parents[4] / 'fixtures' / 'metrics_kitti'
CLASSES = ('Car', 'Pedestrian', 'Cyclist')
DIFFICULTIES = ('easy', 'moderate', 'hard')
KINDS = {'bbox': '2D', 'aos': 'AOS', 'bev': 'BEV', '3d': '3D', 'ahs_bev': 'AHS_BEV',
         'ahs_3d': 'AHS_3D'}
# How the stored outputs were made, and half a unit of their last printed digit.
SOURCES = {'official_min_height_le': (False, 'strict', 5.01e-7),
           'official_min_height_lt': (True, 'strict', 5.01e-7),
           'mmdet3d_strict': (False, 'strict', 1e-12),
           'mmdet3d_loose': (False, 'loose', 1e-12)}


@pytest.fixture(scope='module')
def inputs(tmp_path_factory):
    """Ground truth and detections of both sets, read from label files."""
    folder = tmp_path_factory.mktemp('labels')

    def read(texts):
        frames = []
        for name in sorted(texts):
            (folder / name).write_text(texts[name])
            frames.append(KittiObjects.from_labels(read_labels(folder / name)))
        return frames
    sets = {tag: json.loads((FIXTURES / f'{tag}_inputs.json').read_text())
            for tag in ('main', 'edge')}
    return {tag: (read(texts['pred']), read(texts['gt'])) for tag, texts in sets.items()}


@pytest.fixture(scope='module')
def outputs():
    return dict(np.load(FIXTURES / 'outputs.npz'))


@pytest.mark.parametrize('source', SOURCES)
@pytest.mark.parametrize('tag', ['main', 'edge'])
def test_curves_equal_the_official_program(inputs, outputs, tag, source):
    minimum_height_counts, strictness, tolerance = SOURCES[source]
    result = evaluate_kitti(*inputs[tag], minimum_height_counts=minimum_height_counts,
                            heading_similarity=True)
    expected = {kind: outputs[f'{tag}/{source}/{kind}'] for kind in KINDS
                if f'{tag}/{source}/{kind}' in outputs}
    assert len(expected) >= 4
    for kind, curves in expected.items():
        ours = [[result.curves[name, KINDS[kind], strictness, difficulty]
                 for difficulty in DIFFICULTIES] for name in CLASSES]
        np.testing.assert_allclose(ours, curves, rtol=0, atol=tolerance)
        for points in (40, 11):
            keys = [f'Car_{KINDS[kind]}_R{points}_{difficulty}' for difficulty in DIFFICULTIES]
            keys = [key if strictness == 'strict' else f'{key}_loose' for key in keys]
            np.testing.assert_allclose(
                [result.average_precision[key] for key in keys],
                [average_precision(curve, points) for curve in curves[0]], atol=1e-4)


def test_the_two_height_rules_differ_where_they_should(inputs):
    present, older = (evaluate_kitti(*inputs['edge'], minimum_height_counts=counts)
                      for counts in (False, True))
    assert present.num_gt['Car', 'easy'] < older.num_gt['Car', 'easy']


def objects(number, name='Car', spacing=10.0, **changes):
    """A row of equal objects beside each other, 100 px high."""
    left = np.arange(number) * 200.0
    values = dict(
        name=[name] * number if isinstance(name, str) else name,
        bbox=np.column_stack([left, left * 0, left + 100, left * 0 + 100]),
        location=np.column_stack([np.arange(number) * spacing, np.full(number, 1.5),
                                  np.full(number, 20.0)]),
        dimensions=np.tile([4.0, 1.5, 1.8], (number, 1)), rotation_y=np.full(number, 0.3),
        alpha=np.full(number, 0.1), truncated=np.zeros(number), occluded=np.zeros(number),
        score=np.linspace(0.9, 0.5, number))
    return values | changes


@pytest.mark.parametrize('number, expected', [(1, 0.0), (5, 10.0), (40, 97.5), (60, 100.0)])
def test_a_perfect_result_reaches_the_cap(number, expected):
    frames = [objects(1, score=[0.5 + row / 1000]) for row in range(number)]
    result = evaluate_kitti(frames, frames, ['Car'])
    for kind in ('2D', 'AOS', 'BEV', '3D'):
        assert result.average_precision[f'Car_{kind}_R40_moderate'] == pytest.approx(expected)
    assert any('cannot exceed' in note for note in result.notes) == (number < 41)


def test_turning_boxes_by_pi_costs_orientation_and_nothing_else():
    truth = [objects(1) for _ in range(50)]
    turned = [objects(1, rotation_y=[0.3 + math.pi], alpha=[0.1 + math.pi]) for _ in range(50)]
    scores = evaluate_kitti(turned, truth, ['Car']).average_precision
    assert scores['Car_3D_R40_hard'] == pytest.approx(100)
    assert scores['Car_AOS_R40_hard'] == pytest.approx(0, abs=1e-9)


def test_half_of_the_detections_wrong_by_hand():
    """Each frame: one car found and one false alarm of equal score; precision 1/2."""
    truth = [objects(1) for _ in range(50)]
    found = [objects(2, score=[0.8, 0.8]) for _ in range(50)]
    assert evaluate_kitti(found, truth, ['Car']).average_precision['Car_3D_R40_easy'] == \
        pytest.approx(50)


def test_dontcare_areas_excuse_false_alarms_in_the_image_only():
    area = dict(name=['Car', 'DontCare'], truncated=[0, -1], occluded=[0, -1], alpha=[0.1, -10],
                location=[[0, 1.5, 20.0], [-1000] * 3], dimensions=[[4, 1.5, 1.8], [-1] * 3],
                rotation_y=[0.3, -10], bbox=[[0, 0, 100, 100], [190, 0, 310, 120]])
    scores = evaluate_kitti([objects(2, score=[0.8, 0.8])] * 50, [area] * 50,
                            ['Car']).average_precision
    assert scores['Car_2D_R40_hard'] == pytest.approx(100)
    assert scores['Car_3D_R40_hard'] == pytest.approx(50)


@pytest.mark.parametrize('name, expected', [('Van', 100), ('Truck', 50)])
def test_neighboring_classes_neither_gain_nor_cost(name, expected):
    truth = [objects(2, name=['Car', name])] * 50
    scores = evaluate_kitti([objects(2, score=[0.8, 0.8])] * 50, truth, ['Car']).average_precision
    assert scores['Car_3D_R40_hard'] == pytest.approx(expected)


@pytest.mark.parametrize('change, counted', [
    (dict(occluded=[0]), [1, 1, 1]), (dict(occluded=[1]), [0, 1, 1]),
    (dict(occluded=[2]), [0, 0, 1]), (dict(occluded=[3]), [0, 0, 0]),
    (dict(truncated=[0.2]), [0, 1, 1]), (dict(truncated=[0.5]), [0, 0, 1]),
    (dict(bbox=[[0, 0, 9, 40]]), [0, 1, 1]), (dict(bbox=[[0, 0, 9, 25]]), [0, 0, 0])])
def test_difficulties(change, counted):
    truth = [objects(1, **change)]
    result = evaluate_kitti(truth, truth, ['Car'])
    assert [result.num_gt['Car', difficulty] for difficulty in DIFFICULTIES] == counted


def test_frames_and_classes_without_objects_are_normal():
    empty = dict(name=[], bbox=[])
    only_dontcare = dict(name=['DontCare'], bbox=[[0, 0, 50, 50]])
    truth = [objects(1), empty, only_dontcare, objects(1, name='Pedestrian')]
    result = evaluate_kitti([objects(1), empty, empty, empty], truth)
    assert result.average_precision['Pedestrian_3D_R40_hard'] == 0
    notes = '\n'.join(result.notes)
    assert 'no ground truth for class Cyclist' in notes
    assert 'no detection of class Pedestrian' in notes
    assert 'note: ' in result.table() and 'Car 1/1/1' in result.table()


def test_classes_without_ground_truth_do_not_lower_the_mean():
    frames = [objects(1)] * 50
    scores = evaluate_kitti(frames, frames).average_precision
    assert scores['Overall_3D_R40_moderate'] == pytest.approx(100)
    assert scores['Cyclist_3D_R40_moderate'] == 0


def test_nothing_at_all():
    result = evaluate_kitti([], [])
    assert set(result.average_precision.values()) == {0.0}
    assert len(result.notes) == 3 and result.table()


def test_unknown_orientation_leaves_out_the_orientation_score():
    truth = [objects(1)] * 3
    result = evaluate_kitti([objects(1), objects(1), objects(1, alpha=[-10])], truth, ['Car'])
    assert not any('AOS' in key for key in result.average_precision)
    assert any('alpha -10' in note for note in result.notes)


def test_names_compare_without_case():
    frames = [objects(1, name='CAR')] * 50
    assert evaluate_kitti(frames, frames, ['Car']).average_precision['Car_2D_R40_easy'] == 100


@pytest.mark.parametrize('frame, message', [
    (dict(name=['Car']), 'frame 0 of the predictions lacks bbox'),
    (dict(name=['Car'], bbox=np.zeros((2, 4))), r'1 names, but bbox has the shape \[2, 4\]'),
    (objects(1, score=[float('nan')]), 'NaN in score')])
def test_unusable_arrays_are_named(frame, message):
    with pytest.raises(DataError, match=message):
        evaluate_kitti([frame], [objects(1)])


def test_wrong_calls_are_named():
    with pytest.raises(DataError, match='2 frames of predictions .* 1 frames'):
        evaluate_kitti([objects(1)] * 2, [objects(1)])
    with pytest.raises(ConfigError, match="'Bus'"):
        evaluate_kitti([objects(1)], [objects(1)], ['Bus'])
    with pytest.raises(ValueError, match='40 or 11'):
        average_precision(np.zeros(41), 12)


def simulated_frames(number):
    """Frames with about 8 objects and 14 detections, most of them near an object."""
    random = np.random.default_rng(0)

    def draw(count):
        corner = random.uniform([0, 100], [1100, 200], (count, 2))
        return dict(
            name=random.choice(['Car', 'Pedestrian', 'Cyclist', 'Van'], count),
            bbox=np.hstack([corner, corner + random.uniform([30, 20], [150, 120], (count, 2))]),
            location=random.uniform([-30, 1, 5], [30, 2, 70], (count, 3)),
            dimensions=random.uniform([3, 1.4, 1.5], [4.5, 1.7, 1.9], (count, 3)),
            rotation_y=random.uniform(-3, 3, count), alpha=random.uniform(-3, 3, count),
            occluded=random.integers(0, 4, count), score=random.random(count))

    truth = [draw(random.integers(4, 13)) for _ in range(number)]
    extra = [draw(random.integers(2, 10)) for _ in range(number)]
    found = [{key: np.concatenate([value + random.normal(0, 0.05, np.shape(value))
                                   if key in ('location', 'bbox') else value, more[key]])
              for key, value in frame.items()}
             for frame, more in zip(truth, extra, strict=True)]
    return found, truth


def test_the_validation_split_takes_less_than_thirty_seconds():
    frames = simulated_frames(3769)
    start = time.perf_counter()
    result = evaluate_kitti(*frames)
    assert time.perf_counter() - start < 30
    assert 20 < result.average_precision['Car_2D_R40_moderate'] < 100
