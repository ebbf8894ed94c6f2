"""AP and APH of Waymo: by hand, against the official tool's results, and at the edges."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparse3d.datasets.waymo.evaluate import WaymoObjects, evaluate_waymo
from sparse3d.datasets.waymo.evaluate.average_precision import average_precision
from sparse3d.datasets.waymo.evaluate.ious import ious_of_pairs
from sparse3d.errors import ConfigError, DataError

FIXTURES = Path(__file__).resolve().parents[4] / 'fixtures' / 'metrics_waymo'
CLASSES = ('Vehicle', 'Pedestrian', 'Sign', 'Cyclist')
RANGES = ('0-30m', '30-50m', '50m-inf')


def cars(number: int, frame: int = 0, **more) -> dict:
    """Vehicles of one frame 10 m apart, with enough points."""
    box = np.tile([0.0, 10, 1, 4.5, 2, 1.6, 0.3], (number, 1))
    box[:, 0] = 5 + 10 * np.arange(number)
    return dict(frame=np.full(number, frame), box=box, type=np.ones(number),
                num_points=np.full(number, 100)) | more


@pytest.fixture(scope='module')
def official():
    """Inputs, outputs and our results for the official tool's settings by overlap."""
    inputs = np.load(FIXTURES / 'detection_inputs.npz')
    truth = dict(frame=inputs['gt_frame_id'], box=inputs['gt_box'], type=inputs['gt_type'],
                 num_points=inputs['gt_num_lidar_points'],
                 difficulty=inputs['gt_annotated_difficulty'])
    found = dict(frame=inputs['pd_frame_id'], box=inputs['pd_box'], type=inputs['pd_type'],
                 score=inputs['pd_score'], overlaps_no_label_zone=inputs['pd_overlap_nlz'])
    return dict(truth=truth, found=found, expected=np.load(FIXTURES / 'detection_expected.npz'),
                results={overlap: evaluate_waymo(found, truth, CLASSES, iou_type=overlap)
                         for overlap in ('3d', 'bev')})


def shard_name(generator: int, shard: int) -> str:
    return CLASSES[shard] if generator == 2 else f'{CLASSES[shard // 3]}_{RANGES[shard % 3]}'


def test_two_of_three_found_and_one_false():
    truth = cars(3)
    found = cars(3, score=[0.9, 0.8, 0.7])
    found['box'][2, 1] = 40
    result = evaluate_waymo(found, truth)
    curve = result.curves['Vehicle', 1]
    # At 0.7 two of three reported are right; up to 0.8 both reported are right.
    assert (curve.true_positives[70], curve.false_positives[70], curve.false_negatives[70]) \
        == (2, 1, 1)
    assert (curve.true_positives[80], curve.false_positives[80]) == (2, 0)
    assert (curve.true_positives[81], curve.true_positives[91]) == (1, 0)
    assert result.average_precision['Vehicle_L1_AP'] == pytest.approx(2 / 3)
    assert result.average_precision['Vehicle_L1_APH'] == pytest.approx(2 / 3)


def test_a_flipped_heading_costs_only_the_heading_weighted_precision():
    found = cars(1, score=[0.5])
    found['box'][0, 6] += np.pi / 2 * 3
    found['box'][0, 3:5] = found['box'][0, [4, 3]]
    result = evaluate_waymo(found, cars(1))
    assert result.average_precision['Vehicle_L1_AP'] == pytest.approx(1)
    assert result.average_precision['Vehicle_L1_APH'] == pytest.approx(0.5)


@pytest.mark.parametrize('overlap', ['3d', 'bev'])
def test_an_overlap_of_exactly_the_threshold_is_enough(overlap):
    """0.5 for pedestrians: a box half as long, in the middle of the other."""
    person = dict(frame=[0], type=[2], num_points=[100], box=[[4.0, 2, 1, 1, 1, 2, 0]])
    for length, found in ((0.5, 1), (0.49, 0)):
        half = dict(frame=[0], type=[2], score=[0.9], box=[[4.0, 2, 1, length, 1, 2, 0]])
        curve = evaluate_waymo(half, person, ['Pedestrian'], iou_type=overlap).curves[
            'Pedestrian', 1]
        assert curve.true_positives[50] == found


def test_boxes_above_each_other_do_not_meet():
    low = np.array([[0.0, 0, 0, 4, 2, 1, 0]])
    assert ious_of_pairs(low, low + [0, 0, 3, 0, 0, 0, 0]).tolist() == [0]
    assert ious_of_pairs(low, low + [0, 0, 1, 0, 0, 0, 0]).tolist() == [0]


def test_a_found_level_2_object_counts_as_found_in_level_1_too():
    truth = cars(2, num_points=[100, 5])
    result = evaluate_waymo(cars(2, score=[0.4, 0.6]), truth)
    assert result.num_gt['Vehicle', 1] == 1 and result.num_gt['Vehicle', 2] == 2
    assert result.curves['Vehicle', 1].true_positives[0] == 2
    assert result.curves['Vehicle', 1].false_negatives[50] == 1


def test_objects_without_points_are_dropped_and_annotated_levels_kept():
    objects = WaymoObjects.from_arrays(cars(4, num_points=[0, 5, 6, 6], difficulty=[1, 0, 0, 2]))
    assert objects.difficulty.tolist() == [2, 1, 2]


def test_a_detection_over_a_no_label_zone_is_never_false():
    found = cars(2, score=[0.9, 0.9], overlaps_no_label_zone=[True, True])
    found['box'][1, 1] = -20
    curve = evaluate_waymo(found, cars(1)).curves['Vehicle', 1]
    assert (curve.true_positives[0], curve.false_positives[0]) == (1, 0)


def test_boxes_either_side_of_a_range_edge_never_meet():
    truth, found = cars(1), cars(1, score=[0.9])
    truth['box'][0, :3], found['box'][0, :3] = [30.05, 0, 0], [29.95, 0, 0]
    result = evaluate_waymo(found, truth)
    assert result.average_precision['Vehicle_L1_AP'] == pytest.approx(1)
    assert result.curves['Vehicle_0-30m', 1].false_positives[0] == 1
    assert result.curves['Vehicle_30-50m', 1].false_negatives[0] == 1


def test_gaps_of_recall_are_filled_from_the_right():
    # From recall 0.2 to 0.1 one step of 0.05 is level at 0.5; then the mean of 0.5 and 1.
    assert average_precision(np.array([0.5, 1]), np.array([0.2, 0.1])) == pytest.approx(
        0.05 * 0.5 + 0.05 * 0.75 + 0.1 * 1)


@pytest.mark.parametrize('overlap, group', [('3d', 'challenge_3d'), ('bev', 'bev_2d')])
def test_counts_equal_the_official_tool(official, overlap, group):
    result, expected = official['results'][overlap], official['expected']
    for row, (generator, shard, level) in enumerate(expected[f'{group}.breakdown']):
        curve = result.curves[shard_name(generator, shard), int(level)]
        np.testing.assert_array_equal(np.stack(curve[:3], axis=1),
                                      expected[f'{group}.tp_fp_fn'][row])


@pytest.mark.parametrize('overlap, group', [('3d', 'challenge_3d'), ('bev', 'bev_2d')])
def test_precisions_equal_the_official_tool(official, overlap, group):
    result, expected = official['results'][overlap], official['expected']
    for row, (generator, shard, level) in enumerate(expected[f'{group}.breakdown']):
        name = shard_name(generator, shard)
        curve = result.curves[name, int(level)]
        for key, values in (('ap', result.average_precision[f'{name}_L{level}_AP']),
                            ('aph', result.average_precision[f'{name}_L{level}_APH']),
                            ('precision', curve.precision), ('recall', curve.recall),
                            ('precision_ha', curve.heading_precision)):
            np.testing.assert_allclose(values, expected[f'{group}.{key}'][row], atol=1e-6)


def test_the_order_of_objects_and_the_keys_of_frames_do_not_matter(official):
    random = np.random.default_rng(1)
    shuffled = []
    for values in (official['found'], official['truth']):
        order = random.permutation(len(values['frame']))
        shuffled.append({key: column[order] for key, column in values.items()})
        shuffled[-1]['frame'] = -shuffled[-1]['frame'] * 1000
    result = evaluate_waymo(*shuffled, CLASSES)
    assert result.average_precision == pytest.approx(
        official['results']['3d'].average_precision, abs=1e-6)


def test_frames_in_a_list_give_the_same_as_one_table(official):
    frames = np.unique(np.concatenate([official[key]['frame'] for key in ('found', 'truth')]))
    lists = [[{key: column[values['frame'] == frame] for key, column in values.items()
               if key != 'frame'} for frame in frames]
             for values in (official['found'], official['truth'])]
    result = evaluate_waymo(*lists, CLASSES)
    assert result.average_precision == official['results']['3d'].average_precision


def test_nothing_anywhere():
    nothing = dict(frame=[], box=[], type=[], score=[])
    for result in (evaluate_waymo(nothing, nothing), evaluate_waymo([], [])):
        assert set(result.average_precision.values()) == {0.0}
        assert 'there is no ground truth for class Cyclist' in '\n'.join(result.notes)


def test_what_the_numbers_do_not_say_is_noted():
    result = evaluate_waymo(cars(2, score=[0.001, 0.002]), cars(2))
    text = result.table()
    assert 'there is no ground truth for class Pedestrian' in text
    assert 'no score reaches 0.01' in text
    assert 'Vehicle 0-30m' in text and '2/2' in text
    nobody = evaluate_waymo(dict(frame=[], box=[], type=[]), cars(1))
    assert nobody.average_precision['Vehicle_L2_AP'] == 0
    assert 'there is no detection of class Vehicle' in nobody.notes


@pytest.mark.parametrize('change, message', [
    (dict(box=np.zeros((2, 8))), r'3 frame keys, but box has the shape \[2, 8\]'),
    (dict(score=[0.5, np.nan, 1]), 'score has a value that is not finite'),
    (dict(type=[1, 7, 1]), 'a type is none of'),
    (dict(difficulty=[1, 3, 1]), 'a difficulty is not'),
])
def test_unusable_arrays_are_named(change, message):
    with pytest.raises(DataError, match=message):
        evaluate_waymo(cars(3) | change, cars(1))


def test_missing_arrays_unknown_classes_and_overlaps_are_named():
    with pytest.raises(DataError, match='predictions: box, type is missing'):
        evaluate_waymo(dict(frame=[1]), cars(1))
    with pytest.raises(ConfigError, match="no class 'Bus'"):
        evaluate_waymo(cars(1), cars(1), ['Bus'])
    with pytest.raises(ConfigError, match="not '4d'"):
        evaluate_waymo(cars(1), cars(1), iou_type='4d')
