"""nuScenes' tracking scores against stored ones of the devkit, the devkit itself, and by hand."""
from __future__ import annotations

import copy
import json
import zipfile

import numpy as np
import pytest

from sparse3d.datasets.nuscenes.evaluate.tracking import evaluate_nuscenes_tracking
from sparse3d.datasets.nuscenes.prepare.tables import open_tables
from sparse3d.errors import ConfigError, DataError
from tracked_nuscenes import tracks_with_mistakes, write_tables


@pytest.fixture
def tiny(golden_dir, tmp_path):
    with zipfile.ZipFile(golden_dir / 'metrics_nuscenes/nuscenes_tiny.zip') as archive:
        archive.extractall(tmp_path)
    return open_tables(tmp_path, 'v1.0-mini')


@pytest.fixture
def submission(golden_dir):
    return json.loads((golden_dir / 'sparse4d/tracking_results.json').read_text())


def compare(ours: dict, theirs: dict, tolerance: float) -> int:
    """Every number of a summary; returns how many are known and not zero."""
    compared = 0
    for metric, by_class in theirs['label_metrics'].items():
        for name, value in by_class.items():
            mine = ours['label_metrics'][metric][name]
            value = np.nan if value is None else value
            assert mine == pytest.approx(value, abs=tolerance, nan_ok=True), (metric, name)
            compared += bool(value == value and value != 0)
        assert ours[metric] == pytest.approx(theirs[metric], abs=tolerance, nan_ok=True), metric
    return compared


def test_equals_the_golden(tiny, submission, golden_dir):
    stored = json.loads((golden_dir / 'sparse4d/tracking_metrics.json').read_text())
    result = evaluate_nuscenes_tracking(submission, tiny, 'mini_val')
    assert compare(result.summary, stored, 1e-6) > 70
    assert result.scores['AMOTA'] == pytest.approx(.7618, abs=1e-4)
    assert result.scores['IDS'] == 3 and 'car' in result.table()


@pytest.mark.slow  # the devkit takes its time
@pytest.mark.parametrize('seed', [0, 1])
def test_equals_the_devkit(golden_dir, tmp_path, seed):
    pytest.importorskip('motmetrics', reason='the judge of the devkit is in the test extra '
                        '(pip install motmetrics==1.4.0)')
    judge = pytest.importorskip('nuscenes.eval.tracking.evaluate')
    from nuscenes.eval.common.config import config_factory
    root = write_tables(golden_dir / 'metrics_nuscenes/nuscenes_tiny.zip', tmp_path / 'data', seed)
    content = tracks_with_mistakes(root, seed)
    path = tmp_path / 'tracks.json'
    path.write_text(json.dumps(content))
    theirs = judge.TrackingEval(config_factory('tracking_nips_2019'), str(path), 'mini_val',
                                str(tmp_path / 'out'), 'v1.0-mini', str(root), verbose=False)
    metrics, curves = theirs.evaluate()
    ours = evaluate_nuscenes_tracking(path, open_tables(root, 'v1.0-mini'), 'mini_val')
    assert compare(ours.summary, metrics.serialize(), 1e-9) > 50
    for name, of in curves.serialize().items():
        for metric, values in of.items():
            np.testing.assert_allclose(ours.details[name][metric], values, rtol=0, atol=1e-9,
                                       err_msg=f'{name} {metric}')
    assert ours.scores['IDS'] > 3 and ours.scores['FRAG'] > 3


def test_nothing_found_is_the_worst(tiny, submission):
    nothing = dict(submission, results={token: [] for token in submission['results']})
    scores = evaluate_nuscenes_tracking(nothing, tiny, 'mini_val').scores
    assert (scores['AMOTA'], scores['AMOTP'], scores['car_FN']) == (0, 2, 31)
    assert np.isnan(scores['car_IDS'])


@pytest.mark.parametrize(('change', 'words'), [
    (dict(tracking_name='barrier'), "is a 'barrier'; the tracking task knows bicycle, bus"),
    (dict(tracking_id=None), 'has the tracking_id None; it has to be a text'),
    (dict(translation=[1, 2]), 'translation of box 0'),
    (dict(tracking_score='high'), "_score of box 0 of .* is 'high', not a number"),
])
def test_what_the_devkit_would_refuse(tiny, submission, change, words):
    damaged = copy.deepcopy(submission)
    token = next(iter(damaged['results']))
    damaged['results'][token][0].update(change)
    with pytest.raises(DataError, match=words):
        evaluate_nuscenes_tracking(damaged, tiny, 'mini_val')


def test_detections_are_no_tracks(tiny, submission):
    token = next(iter(submission['results']))
    submission['results'][token][0].pop('tracking_name')
    with pytest.raises(DataError, match='has no tracking_name; give results of the tracking task'):
        evaluate_nuscenes_tracking(submission, tiny, 'mini_val')


def test_an_id_of_two_boxes_in_a_sample(tiny, submission):
    """Of one class; trackers of single classes count each for itself."""
    doubled, apart = copy.deepcopy(submission), copy.deepcopy(submission)
    token = next(token for token, of in submission['results'].items() if of)
    box = submission['results'][token][0]
    doubled['results'][token].append(dict(box))
    with pytest.raises(DataError, match=f'sample {token} .* has two boxes of the .* with the '
                                        f'tracking_id {box["tracking_id"]}; an id is one object'):
        evaluate_nuscenes_tracking(doubled, tiny, 'mini_val')
    other = next(name for name in ('bus', 'car') if name != box['tracking_name'])
    apart['results'][token].append(dict(box, tracking_name=other))
    assert evaluate_nuscenes_tracking(apart, tiny, 'mini_val').scores


def test_half_a_split_and_another_configuration(tiny, submission):
    with pytest.raises(ConfigError, match="'other' is no configuration"):
        evaluate_nuscenes_tracking(submission, tiny, 'mini_val', config='other')
    submission['results'].popitem()
    with pytest.raises(DataError, match='lacks 1 of the 12 samples'):
        evaluate_nuscenes_tracking(submission, tiny, 'mini_val')
