"""nuScenes scores against the stored results of the devkit, and the metric around them."""
from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from sparse3d.datasets.nuscenes.evaluate import evaluate_nuscenes
from sparse3d.datasets.nuscenes.evaluate.metric import NuScenesDetectionMetric
from sparse3d.datasets.nuscenes.prepare.sample import CLASSES
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.datasets.nuscenes.results import (
    guess_attribute,
    make_submission,
    sample_boxes,
    write_nuscenes_submission,
)
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_conversions import center_to_lidar
from sparse3d.transforms.info_files import read_info_file

EYE = np.eye(4)
BOX = [10.0, 2.0, -1.0, 4.0, 2.0, 1.5, .3]


@pytest.fixture(scope='module')
def tiny(golden_dir, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('nuscenes_tiny')
    with zipfile.ZipFile(golden_dir / 'metrics_nuscenes/nuscenes_tiny.zip') as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope='module', params=['ours', 'devkit'])
def tables(tiny, request):
    if request.param == 'ours':
        return NuScenesTables('v1.0-mini', str(tiny))
    return pytest.importorskip('nuscenes').NuScenes('v1.0-mini', str(tiny), verbose=False)


def same(found, expected) -> bool:
    if isinstance(expected, dict):
        found = {str(key): value for key, value in found.items()}
        return set(found) == set(expected) and all(same(found[key], expected[key])
                                                   for key in expected)
    return found == pytest.approx(expected, rel=0, abs=1e-9, nan_ok=True)


def test_the_stored_scores_come_out_again(tiny, tables, golden_dir):
    expected = json.loads((golden_dir / 'metrics_nuscenes/metrics_summary.json').read_text())
    result = evaluate_nuscenes(tiny / 'results_nusc.json', tables, 'mini_val')
    for key in ('mean_ap', 'nd_score', 'tp_errors', 'tp_scores', 'label_aps', 'label_tp_errors',
                'mean_dist_aps'):
        assert same(result.summary[key], expected[key]), key
    assert result.scores['NDS'] == pytest.approx(expected['nd_score'], abs=1e-12)
    assert 0 < result.scores['car_AP_0.5'] < 1
    assert f'NDS {expected["nd_score"]:.4f}' in result.table()


def test_plain_lidar_boxes_give_the_stored_scores(tiny, tables, golden_dir):
    """The stored submission brought to LiDAR boxes and back through the conversions."""
    from sparse3d.structures.box_conversions import nuscenes_to_lidar
    expected = json.loads((golden_dir / 'metrics_nuscenes/metrics_summary.json').read_text())
    stored = json.loads((tiny / 'results_nusc.json').read_text())
    turn = np.array([[.6, -.8, 0, 500], [.8, .6, 0, -300], [0, 0, 1, 1.8], [0, 0, 0, 1]])
    results = {}
    for token, records in stored['results'].items():
        columns = {key: np.array([record[key] for record in records]).reshape(len(records), -1)
                   for key in ('translation', 'size', 'rotation', 'velocity')}
        boxes = nuscenes_to_lidar(columns['translation'], columns['size'], columns['rotation'],
                                  turn)
        boxes = np.concatenate([boxes, columns['velocity'] @ turn[:2, :2]], axis=1)
        results[token] = sample_boxes(
            token, boxes, np.array([record['detection_score'] for record in records]),
            np.array([CLASSES.index(record['detection_name']) for record in records]), CLASSES,
            turn, [record['attribute_name'] for record in records])
    result = evaluate_nuscenes(make_submission(results, {}), tables, 'mini_val')
    assert result.scores['NDS'] == pytest.approx(expected['nd_score'], abs=1e-6)
    assert result.scores['mAP'] == pytest.approx(expected['mean_ap'], abs=1e-6)
    assert result.summary['tp_errors'] == pytest.approx(expected['tp_errors'], abs=1e-6)


def test_no_detections_at_all_score_zero(tiny, tables):
    tokens = json.loads((tiny / 'results_nusc.json').read_text())['results']
    result = evaluate_nuscenes(make_submission({token: [] for token in tokens}, {}), tables,
                               'mini_val')
    assert result.scores['mAP'] == 0 and result.scores['NDS'] == 0


def test_an_incomplete_submission_is_refused(tiny, tables):
    stored = json.loads((tiny / 'results_nusc.json').read_text())
    stored['results'].popitem()
    with pytest.raises(DataError, match='lacks 1 of the 12 samples of mini_val'):
        evaluate_nuscenes(stored, tables, 'mini_val')
    with pytest.raises(DataError, match='"meta" and "results"'):
        evaluate_nuscenes({}, tables, 'mini_val')
    with pytest.raises(DataError, match='no annotations'):
        evaluate_nuscenes({'results': {}}, tables, 'test')
    with pytest.raises(DataError, match='not a split'):
        evaluate_nuscenes({'results': {}}, tables, 'minival')
    with pytest.raises(DataError, match='train is a split of v1.0-trainval, not of .*v1.0-mini'):
        evaluate_nuscenes({'results': {}}, tables, 'train')


def test_a_box_by_hand():
    quarter = np.array([[0, -1.0, 0, 100], [1, 0, 0, 200], [0, 0, 1, 0], [0, 0, 0, 1]])
    record, = sample_boxes('t', [[*BOX[:6], 0, 3.0, 0]], [.5], [0], ['car'], quarter)
    assert record['translation'] == pytest.approx([98, 210, -.25])
    assert record['size'] == [2.0, 4.0, 1.5]
    assert record['rotation'] == pytest.approx([np.sqrt(.5), 0, 0, np.sqrt(.5)])
    assert record['velocity'] == pytest.approx([0, 3])
    assert record['attribute_name'] == 'vehicle.moving' and record['detection_name'] == 'car'


def test_the_best_500_finite_boxes_are_kept():
    boxes = np.tile(BOX, (600, 1))
    boxes[599, 0] = np.nan
    records = sample_boxes('t', boxes, np.arange(600) / 600, np.zeros(600), ['car'], EYE)
    kept = [record['detection_score'] for record in records]
    assert kept == [row / 600 for row in range(99, 599)]
    assert sample_boxes('t', np.zeros((0, 9)), [], [], ['car'], EYE) == []


def test_attributes_follow_class_and_speed():
    assert guess_attribute('bus', np.zeros(2)) == 'vehicle.stopped'
    assert guess_attribute('car', np.zeros(2)) == 'vehicle.parked'
    assert guess_attribute('bicycle', np.ones(2)) == 'cycle.with_rider'
    assert guess_attribute('pedestrian', np.zeros(2)) == 'pedestrian.standing'
    assert guess_attribute('barrier', np.ones(2)) == ''


def predictions(info: dict, **changes) -> list[dict]:
    """The truth of an info file as what a detector returns."""
    samples = []
    for row, entry in enumerate(info['data_list']):
        known = [item for item in entry['instances'] if item['bbox_label_3d'] >= 0]
        boxes = np.concatenate([center_to_lidar([item['bbox_3d'] for item in known]),
                                np.nan_to_num([item['velocity'] for item in known])], axis=1)
        found = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(torch.tensor(boxes), box_dim=9),
            scores_3d=torch.linspace(.9, .5, len(known)),
            labels_3d=torch.tensor([item['bbox_label_3d'] for item in known]),
            attr_labels=torch.tensor([item['attr_label'] for item in known]))
        samples.append(dict(sample_idx=row, pred_instances_3d=found) | changes)
    return samples


@pytest.fixture(scope='module')
def prepared(simulated_nuscenes, tmp_path_factory) -> Path:
    from sparse3d.datasets.nuscenes.prepare import prepare_nuscenes
    out = tmp_path_factory.mktemp('prepared') / 'nuscenes'
    prepare_nuscenes(simulated_nuscenes, out=out)
    return out


@pytest.fixture
def metric(prepared, tmp_path) -> NuScenesDetectionMetric:
    metric = NuScenesDetectionMetric(str(prepared), str(prepared / 'nuscenes_infos_val.pkl'),
                                     submission_file=str(tmp_path / 'sub/results.json'))
    metric.dataset_meta = dict(classes=CLASSES)
    return metric


def test_the_truth_scores_full_marks(metric, prepared, tmp_path):
    info = read_info_file(prepared / 'nuscenes_infos_val.pkl', 'nuscenes')
    metric.process({}, predictions(info))
    scores = metric.evaluate(size=len(info['data_list']))
    assert scores['nuscenes/car_AP'] == pytest.approx(1)
    for error in ('ATE', 'ASE', 'AOE', 'AAE'):
        assert scores[f'nuscenes/car_{error}'] == pytest.approx(0, abs=1e-5)
    assert scores['nuscenes/car_AVE'] == pytest.approx(0, abs=1e-4)
    assert scores['nuscenes/bus_AP'] == 0  # there is none
    stored = json.loads((tmp_path / 'sub/results.json').read_text())
    assert len(stored['results']) == 5 and stored['meta']['use_lidar']


def test_the_devkit_says_the_same_of_a_simulated_drive(prepared, tmp_path):
    """All of the devkit: its reader of tables and of the file, its filters, its numbers."""
    nuscenes = pytest.importorskip('nuscenes')
    from nuscenes.eval.detection.config import config_factory
    from nuscenes.eval.detection.evaluate import DetectionEval
    info = read_info_file(prepared / 'nuscenes_infos_val.pkl', 'nuscenes')
    random = np.random.default_rng(0)
    for sample in (samples := predictions(info)):
        found = sample['pred_instances_3d']
        boxes = found.bboxes_3d.tensor
        boxes += torch.from_numpy(random.normal(0, 0.2, boxes.shape))
        boxes[:, 3:6].clamp_(min=0.1)
        found.scores_3d = torch.from_numpy(random.uniform(0, 1, len(boxes)).round(1))
    path = tmp_path / 'results.json'
    metric = NuScenesDetectionMetric(str(prepared), str(prepared / 'nuscenes_infos_val.pkl'),
                                     submission_file=str(path))
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process({}, samples)
    scores = metric.evaluate(size=len(samples))
    tables = nuscenes.NuScenes('v1.0-mini', str(prepared), verbose=False)
    expected = DetectionEval(tables, config_factory('detection_cvpr_2019'), str(path), 'mini_val',
                             str(tmp_path), verbose=False).evaluate()[0].serialize()
    assert 0.02 < scores['nuscenes/mAP'] < 1
    assert scores['nuscenes/NDS'] == pytest.approx(expected['nd_score'], abs=1e-9)
    found = evaluate_nuscenes(path, NuScenesTables('v1.0-mini', str(prepared)), 'mini_val')
    assert set(found.summary) == set(expected)
    for key in set(expected) - {'eval_time', 'cfg'}:
        assert same(found.summary[key], json.loads(json.dumps(expected[key]))), key


def test_samples_are_known_by_file_too_and_others_are_refused(metric, prepared):
    info = read_info_file(prepared / 'nuscenes_infos_val.pkl', 'nuscenes')
    last = info['data_list'][-1]['lidar_points']['lidar_path']
    metric.process({}, [predictions(info)[-1] | {'lidar_path': f'/elsewhere/{last}'}])
    assert 0 < metric.evaluate(size=5)['nuscenes/car_AP'] < 1
    metric.process({}, predictions(info, lidar_path='other.bin')[:1])
    with pytest.raises(DataError, match="'other.bin', which"):
        metric.evaluate(size=5)


def test_format_only_writes_and_scores_nothing(prepared, tmp_path):
    with pytest.raises(ConfigError, match='submission_file'):
        NuScenesDetectionMetric('', '', format_only=True)
    path = tmp_path / 'results.json'
    metric = NuScenesDetectionMetric('absent', str(prepared / 'nuscenes_infos_val.pkl'),
                                     format_only=True, submission_file=str(path))
    metric.dataset_meta = dict(classes=['car'])
    metric.process({}, [])
    assert metric.compute_metrics([]) == {} and len(json.loads(path.read_text())['results']) == 5
    metric.dataset_meta = dict(classes=['Car'])
    with pytest.raises(ConfigError, match='does not evaluate Car'):
        metric.compute_metrics([])


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(DataError, match='could not be made'):
        write_nuscenes_submission({}, tmp_path / 'file/sub/results.json')


def test_far_boxes_are_scored_alone(tiny, tables):
    """From 0 m on as all of them; from beyond every range on there are none."""
    scores = [evaluate_nuscenes(tiny / 'results_nusc.json', tables, 'mini_val',
                                far_from=meters).scores for meters in (None, 0.0, 20.0, 100.0)]
    assert 'far_mAP' not in scores[0]
    assert scores[1]['far_mAP'] == pytest.approx(scores[1]['mAP'], abs=1e-12)
    assert scores[1]['car_far_AP'] == scores[1]['car_AP'] != scores[2]['car_far_AP'] > 0
    assert scores[3]['far_mAP'] == 0 and scores[3]['mAP'] == scores[0]['mAP']
