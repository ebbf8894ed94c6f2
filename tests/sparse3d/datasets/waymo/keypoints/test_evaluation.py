"""Keypoint metrics: by hand, against the official results by both protocols, at the edges."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import voxelkp.evaluation_variants  # noqa: F401  (adds its protocol)
from sparse3d.datasets.waymo.keypoints import KeypointPeople, KeypointProtocol, evaluate_keypoints
from sparse3d.datasets.waymo.keypoints.matching import (
    distance_to_boxes,
    match_by_iou,
    match_by_mean_error,
    pose_errors,
    rows_to_score,
)
from sparse3d.datasets.waymo.keypoints.scores import object_keypoint_similarity
from sparse3d.errors import ConfigError, DataError

FIXTURES = Path(__file__).resolve().parents[4] / 'fixtures' / 'metrics_waymo'
MATCHERS = {'mean_error': match_by_mean_error, 'iou_0.5': match_by_iou}
# The official sums are float32.
FLOAT32_SUMS = 1e-6


def people(number: int, **more) -> dict:
    """People 5 m apart in one frame, all keypoints visible at a height of 1 m."""
    box = np.tile([0.0, 0, 1, 0.8, 0.8, 2, 0], (number, 1))
    box[:, 0] = 5 * np.arange(number)
    location = np.repeat(box[:, None, :3], 14, axis=1) + np.linspace(0, 0.3, 14)[None, :, None]
    return dict(frame=np.zeros(number), box=box, location=location,
                visibility=np.full((number, 14), 2)) | more


def arrays_of(inputs, side: str, names=('box', 'location', 'visibility')) -> dict:
    keys = ('frame', 'box', 'location', 'visibility')
    return {key: inputs[f'{side}_{name}'] for key, name in
            zip(keys, ('frame', *names), strict=True)}


@pytest.fixture(scope='module')
def official():
    inputs = np.load(FIXTURES / 'keypoint_inputs.npz')
    return dict(truth=arrays_of(inputs, 'gt'), found=arrays_of(inputs, 'pr'),
                arrays=np.load(FIXTURES / 'keypoint_expected.npz'),
                scores=json.loads((FIXTURES / 'keypoint_expected.json').read_text()))


@pytest.fixture(scope='module')
def voxelkp():
    inputs = np.load(FIXTURES / 'voxelkp_inputs.npz')
    names = ('boxes', 'keypoints', 'visibility')
    return dict(truth=arrays_of(inputs, 'gt', names), found=arrays_of(inputs, 'pred', names),
                scores=json.loads((FIXTURES / 'voxelkp_expected.json').read_text()))


def test_a_shift_is_the_mean_error():
    found = people(2)
    found['location'] = found['location'] + [0.03, 0.04, 0]
    for protocol in ('waymo', 'voxelkp'):
        scores = evaluate_keypoints(found, people(2), protocol).scores
        assert scores['MPJPE/ALL'] == pytest.approx(0.05)
        assert scores['PEM/WRISTS'] == pytest.approx(0.05)
        assert scores['Precision/ALL'] == scores['Recall/ALL'] == 1
        # The scale is the cube root of 1.28 m3; of the nose 0.052 times that.
        assert scores['PCK/HIPS @ 0.20'] == 0 and scores['PCK/HIPS @ 0.30'] == 1
        assert scores['OKS/ALL AP'] == pytest.approx(0.9)


def test_misses_and_false_positives_cost_a_quarter_of_a_meter():
    result = evaluate_keypoints(people(2), people(3))
    assert (result.num_matched, result.num_missed, result.num_false) == (2, 1, 0)
    assert result.scores['PEM/ALL'] == pytest.approx(0.25 / 3)
    assert result.scores['MPJPE/ALL'] == 0
    result = evaluate_keypoints(people(3), people(2))
    assert (result.num_missed, result.num_false) == (0, 1)
    assert result.scores['PEM/ALL'] == pytest.approx(0.25 / 3)


def test_unlabeled_people_absorb_predictions():
    truth = people(2)
    truth['visibility'][1] = 0
    result = evaluate_keypoints(people(2), truth)
    assert (result.num_matched, result.num_missed, result.num_false) == (1, 0, 0)
    assert result.scores['PEM/ALL'] == 0


def test_the_distance_to_a_box_with_the_right_and_the_published_sign():
    box = np.array([[0.0, 0, 0, 4, 1, 2, np.pi / 4]])
    along = np.array([[[1.2, 1.2, 0.0], [5.0, 5.0, 3.0]]])
    right = distance_to_boxes(box, along, published_heading_sign=False)[0, 0]
    assert right == pytest.approx([0, np.hypot(np.hypot(5, 5) - 2, 2)])
    assert distance_to_boxes(box, along)[0, 0, 0] == pytest.approx(np.hypot(1.2, 1.2) - 0.5)


def test_the_distance_equals_the_official_one(official):
    truth, found = (KeypointPeople.from_arrays(official[key]) for key in ('truth', 'found'))
    truth, found = (side.select(np.flatnonzero(side.frame == 0)) for side in (truth, found))
    expected = official['arrays']['primitive.keypoint_distance_frame0']
    distance = np.where(found.visible[None], distance_to_boxes(truth.box, found.location), np.inf)
    np.testing.assert_allclose(distance, expected, atol=2e-5)


@pytest.mark.parametrize('matcher', MATCHERS)
def test_matches_and_rows_equal_the_official_ones(official, matcher):
    truth, found = (KeypointPeople.from_arrays(official[key]) for key in ('truth', 'found'))
    matches, parts = set(), []
    for frame in range(16):
        own, theirs = (np.flatnonzero(side.frame == frame) for side in (truth, found))
        pair = truth.select(own), found.select(theirs)
        match = MATCHERS[matcher](*pair)
        matches |= set(zip([frame] * len(match.gt), own[match.gt].tolist(),
                           theirs[match.pred].tolist(), strict=True))
        rows = rows_to_score(*pair, match)
        parts.append((pair[0].select(rows.gt), pair[1].select(rows.pred)))
    expected = official['arrays']
    assert matches == {tuple(row) for row in expected[f'{matcher}.matches'].tolist()}
    similarity = np.concatenate([object_keypoint_similarity(*part) for part in parts])
    # Rows without a labeled box do not count; the official value there is arbitrary.
    labeled = np.concatenate([part[0].box.any(-1) for part in parts])
    np.testing.assert_allclose(np.sort(similarity[labeled]),
                               np.sort(expected[f'{matcher}.oks'][labeled]), atol=2e-5)
    error, counts = (np.concatenate(columns) for columns in
                     zip(*(pose_errors(*part) for part in parts), strict=True))
    assert counts.sum() == expected[f'{matcher}.pem_mask'].sum()
    assert error.sum() == pytest.approx(expected[f'{matcher}.pem_error'].sum(), abs=1e-4)


@pytest.mark.parametrize('matcher, own', [('mean_error', 'mean_error'), ('iou_0.5', 'iou')])
@pytest.mark.parametrize('updates', ['update_per_frame', 'single_update'])
def test_scores_equal_the_official_ones(official, matcher, own, updates):
    protocol = KeypointProtocol(own, by_frame=updates == 'update_per_frame')
    result = evaluate_keypoints(official['found'], official['truth'], protocol)
    assert result.scores == pytest.approx(official['scores'][f'{matcher}/{updates}'],
                                          abs=FLOAT32_SUMS)


@pytest.mark.parametrize('name, protocol, visible', [
    ('voxelkp_protocol', 'voxelkp', False),
    ('official_reordered_per_frame', KeypointProtocol('iou'), False),
    ('official_all_predicted_visible', KeypointProtocol('iou'), True)])
def test_scores_equal_those_of_voxelkp(voxelkp, name, protocol, visible):
    found = dict(voxelkp['found'])
    if visible:
        found['visibility'] = np.full_like(found['visibility'], 2)
    scores = evaluate_keypoints(found, voxelkp['truth'], protocol).scores
    expected = voxelkp['scores'][name]
    assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=FLOAT32_SUMS)


def test_boxes_read_rightly_give_other_matches(official):
    """The misreading of boxes in the official code matters, and can be switched off."""
    scores = [evaluate_keypoints(official['found'], official['truth'], KeypointProtocol(
        'iou', published_boxes=published)).scores['PEM/ALL'] for published in (True, False)]
    assert abs(scores[0] - scores[1]) > 1e-4


def test_frames_in_a_list_and_shuffled_tables_give_the_same(official):
    expected = evaluate_keypoints(official['found'], official['truth']).scores
    lists = [[{key: column[side['frame'] == frame] for key, column in side.items()
               if key != 'frame'} for frame in range(16)]
             for side in (official['found'], official['truth'])]
    random = np.random.default_rng(0)
    mixed = []
    for side in (official['found'], official['truth']):
        order = random.permutation(len(side['frame']))
        mixed.append({key: column[order] for key, column in side.items()})
    assert evaluate_keypoints(*mixed).scores == pytest.approx(expected, abs=1e-9)
    # Frames 5 and 9 lack one side; a list has an update for each frame all the same.
    listed = evaluate_keypoints(*lists).scores
    assert listed['PEM/ALL'] == pytest.approx(expected['PEM/ALL'], abs=1e-9)


@pytest.mark.parametrize('protocol', ['waymo', 'voxelkp'])
def test_nobody_anywhere(protocol):
    for found, truth, sentence in (
            ([], [], 'no ground truth'), (people(0), people(0), 'no ground truth'),
            (people(2), people(0), 'no ground truth'), (people(0), people(2), 'nobody was pred')):
        result = evaluate_keypoints(found, truth, protocol)
        assert np.isnan(result.scores['MPJPE/ALL']) and np.isnan(result.scores['PCK/ALL @ 0.20'])
        assert f'note: {sentence}' in result.table().replace('there is ', '')


@pytest.mark.parametrize('protocol', ['waymo', 'voxelkp'])
def test_an_error_of_nobody_is_not_zero(protocol):
    far = people(3)
    far['box'][:, 1] += 100
    far['location'][..., 1] += 100
    result = evaluate_keypoints(far, people(2), protocol)
    assert (result.num_matched, result.num_missed, result.num_false) == (0, 2, 3)
    assert 'note: nobody was matched: all 3 people predicted' in result.table()
    undefined = {key for key, value in result.scores.items() if np.isnan(value)}
    assert {'MPJPE/ALL', 'MPJPE/HEAD', 'PCK/ALL @ 0.20'} <= undefined
    # Whoever was missed or invented still counts where the protocol counts them.
    assert result.scores['PEM/ALL'] == pytest.approx(0.25)
    assert result.scores['Recall/ALL'] == result.scores['Precision/ALL'] == 0
    assert ('OKS/ALL AP' in undefined) == (protocol == 'voxelkp')
    if protocol == 'waymo':
        assert result.scores['OKS/ALL AP'] == 0


def test_only_the_groups_without_a_matched_joint_are_undefined():
    truth = people(2)
    truth['visibility'][:, [0, 13]] = 0  # no heads
    result = evaluate_keypoints(people(2), truth)
    assert np.isnan(result.scores['MPJPE/HEAD']) and result.scores['MPJPE/ALL'] == 0
    assert not result.notes and 'nan' in result.table()


def test_people_without_points_are_dropped():
    result = evaluate_keypoints(people(1), people(2, num_points=[3, 0]))
    assert (result.num_matched, result.num_missed) == (1, 0)


def test_unusable_arrays_and_settings_are_named():
    with pytest.raises(DataError, match='predictions: location is missing'):
        evaluate_keypoints({key: value for key, value in people(1).items() if key != 'location'},
                           people(1))
    with pytest.raises(DataError, match=r'visibility has the shape \[1, 13\]'):
        evaluate_keypoints(people(1, visibility=np.zeros((1, 13))), people(1))
    with pytest.raises(DataError, match='frame 1: location has a value that is not finite'):
        bad = people(1, location=np.full((1, 14, 3), np.nan))
        evaluate_keypoints([people(1), bad], [people(1), people(1)])
    with pytest.raises(ConfigError, match="no keypoint protocol 'coco'"):
        evaluate_keypoints(people(1), people(1), 'coco')
    with pytest.raises(ConfigError, match="not 'luck'"):
        evaluate_keypoints(people(1), people(1), KeypointProtocol('luck'))
