"""The metrics of mmengine: predictions in, Waymo's numbers and submissions out."""
from __future__ import annotations

import json
import math
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet3d.registry import METRICS
from mmdet3d.structures import CameraInstance3DBoxes, Det3DDataSample, LiDARInstance3DBoxes
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

import voxelkp.evaluation_variants  # noqa: F401  (adds its protocol)
from sparse3d.datasets.waymo.evaluate import evaluate_waymo
from sparse3d.datasets.waymo.evaluate.metric import WaymoDetectionMetric
from sparse3d.datasets.waymo.keypoints.metric import WaymoKeypointMetric
from sparse3d.datasets.waymo.results import read_submission
from sparse3d.engine.result_record import write_result
from sparse3d.engine.result_tables import fill_tables
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.info_files import write_info_file

CLASSES = ['Car', 'Pedestrian', 'Cyclist']
FRAMES = 12


def boxes_of(frame: int) -> np.ndarray:
    """A vehicle and a pedestrian, LiDAR boxes, elsewhere in each frame."""
    return np.array([[10.0 + frame, 5, -1, 4.5, 2, 1.6, 0.3],
                     [8, -5 - frame, -1, 0.8, 0.8, 1.8, 1]])


def joints_of(frame: int) -> np.ndarray:
    """Keypoints of the pedestrian, all inside the box."""
    place = boxes_of(frame)[1]
    return np.tile(place[:3] + [0, 0, 0.9], (14, 1)) + np.linspace(0, 0.2, 14)[:, None]


def entry(frame: int, labeled=True) -> dict:
    items = [dict(bbox_3d=boxes_of(frame)[row].tolist(), bbox_label_3d=row, num_lidar_pts=9,
                  difficulty=1 + row * (frame % 2)) for row in range(2)]
    items[1].update(keypoints_3d=joints_of(frame).tolist(), keypoints_visible=[2] * 14)
    items.append(dict(bbox_3d=[50.0] * 7, bbox_label_3d=-1, num_lidar_pts=9))
    result = dict(sample_idx=frame, context_name='segment', timestamp=10 ** 15 + frame,
                  lidar_points=dict(lidar_path=f'1000{frame:03d}.bin'))
    return result | (dict(instances=items) if labeled else {})


def info_file(path: Path, labeled=True) -> str:
    write_info_file(path, dict(dataset='waymo', stamp={}),
                    [entry(frame, labeled) for frame in range(FRAMES)])
    return str(path)


@pytest.fixture
def ann_file(tmp_path):
    return info_file(tmp_path / 'infos.pkl')


def sample(frame: int, shift=0.0, named=True) -> Det3DDataSample:
    """The ground truth as a prediction, moved sideways."""
    boxes = boxes_of(frame) + np.array([0, shift, 0, 0, 0, 0, 0])
    meta = dict(sample_idx=frame)
    if named:
        meta['lidar_path'] = f'data/training/velodyne/1000{frame:03d}.bin'
    result = Det3DDataSample(metainfo=meta)
    result.pred_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.tensor(boxes, dtype=torch.float32)),
        scores_3d=torch.tensor([0.9, 0.8]), labels_3d=torch.arange(2))
    return result


def person(frame: int, shift=0.0) -> Det3DDataSample:
    """The pedestrian as a prediction with keypoints, and a weak second one."""
    result = sample(frame)
    boxes = result.pred_instances_3d.bboxes_3d[[1, 1]]
    joints = torch.tensor(joints_of(frame) + [0, 0, shift]).float().expand(2, 14, 3)
    result.pred_instances_3d = InstanceData(
        bboxes_3d=boxes, scores_3d=torch.tensor([0.7, 0.1]), labels_3d=torch.zeros(2).long(),
        keypoints_3d=joints, keypoints_visible=torch.full((2, 14), 1.9))
    return result


def run(metric, samples, classes=CLASSES, size=None):
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=classes)
    evaluator.process(samples, None)
    return evaluator.evaluate(size or len(samples))


def test_ground_truth_scores_full_marks_whatever_the_order(ann_file):
    scores = run(WaymoDetectionMetric(ann_file), [sample(f) for f in reversed(range(FRAMES))])
    for key in ('Vehicle_L1_AP', 'Vehicle_0-30m_L2_APH', 'Pedestrian_L2_AP', 'Overall_L1_APH'):
        assert scores[f'waymo/{key}'] == pytest.approx(1, abs=1e-5)
    assert scores['waymo/Cyclist_L1_AP'] == 0


def test_the_numbers_are_those_of_the_plain_function(ann_file):
    shifts = np.linspace(0, 0.6, FRAMES)
    samples = [sample(frame, shift, named=frame % 2 == 0) for frame, shift in enumerate(shifts)]
    scores = run(WaymoDetectionMetric(ann_file), samples)
    center = np.array([[0, 0, 0.8, 0, 0, 0, 0], [0, 0, 0.9, 0, 0, 0, 0]])
    truth = [dict(box=boxes_of(frame) + center, type=[1, 2], difficulty=[1, 1 + frame % 2])
             for frame in range(FRAMES)]
    found = [dict(box=np.float32(boxes_of(frame) + center + [0, shift, 0, 0, 0, 0, 0]),
                  type=[1, 2], score=[0.9, 0.8]) for frame, shift in enumerate(shifts)]
    expected = evaluate_waymo(found, truth).average_precision
    assert 0 < expected['Vehicle_L1_AP'] < 1
    assert scores == pytest.approx({f'waymo/{key}': value for key, value in expected.items()})


def test_keypoints_and_the_threshold_that_drops_weak_people(ann_file):
    samples = [person(frame, 0.05) for frame in range(FRAMES)]
    scores = run(WaymoKeypointMetric(ann_file, score_threshold=0.5), samples)
    assert scores['waymo/MPJPE/ALL'] == pytest.approx(0.05, abs=1e-5)
    assert scores['waymo/PEM/ALL'] == pytest.approx(0.05, abs=1e-5)
    # With the weak twins every second person is a false positive.
    both = run(WaymoKeypointMetric(ann_file, protocol='voxelkp'), samples)
    assert both['waymo/PEM/ALL'] == pytest.approx(0.15, abs=1e-5)


def test_nobody_matched_is_not_a_perfect_result_in_files_and_tables(ann_file, tmp_path):
    far = [person(frame) for frame in range(FRAMES)]
    for result in far:
        result.pred_instances_3d.bboxes_3d.tensor[:, 0] += 100
        result.pred_instances_3d.keypoints_3d = result.pred_instances_3d.keypoints_3d + 100
    scores = run(WaymoKeypointMetric(ann_file), far)
    assert math.isnan(scores['waymo/MPJPE/ALL']) and scores['waymo/PEM/ALL'] == 0.25
    write_result(tmp_path / 'run.json', dict(runs=[dict(name='far', metrics=scores)]))
    assert math.isnan(json.loads(
        (tmp_path / 'run.json').read_text())['runs'][0]['metrics']['waymo/MPJPE/ALL'])
    block = '<!-- table: run.json | waymo/MPJPE/ALL | waymo/PEM/ALL -->\n<!-- end of table -->'
    assert '| far | nan | 0.25' in fill_tables(block, tmp_path)


def test_format_only_writes_submissions(tmp_path):
    ann_file = info_file(tmp_path / 'test.pkl', labeled=False)
    settings = dict(ann_file=ann_file, format_only=True,
                    submission_fields=dict(account_name='me@example.org'))
    metric = METRICS.build(dict(settings, type='WaymoDetectionMetric',
                                submission_file=str(tmp_path / 'boxes.bin')))
    assert run(metric, [sample(frame) for frame in range(3)]) == {}
    objects = read_submission(tmp_path / 'boxes.bin').inference_results.objects
    assert len(objects) == 6 and objects[4].frame_timestamp_micros == 10 ** 15 + 2
    assert objects[0].object.box.center_z == pytest.approx(-0.2)  # the center, not the bottom
    metric = METRICS.build(dict(settings, type='WaymoKeypointMetric',
                                submission_file=str(tmp_path / 'people.bin')))
    assert run(metric, [person(0)]) == {}
    people = read_submission(tmp_path / 'people.bin', 'PoseEstimationSubmission')
    assert len(people.pose_estimations) == 2 and people.account_name == 'me@example.org'


@pytest.mark.parametrize('kind', [WaymoDetectionMetric, WaymoKeypointMetric])
def test_wrong_settings_and_frames_are_named(tmp_path, ann_file, kind):
    with pytest.raises(ConfigError, match='submission_file'):
        kind(ann_file, format_only=True)
    with pytest.raises(DataError, match="frame '1000012'"):
        run(kind(ann_file), [person(FRAMES)])
    with pytest.raises(DataError, match='frame 0 of .* has no instances'):
        run(kind(info_file(tmp_path / 'test.pkl', labeled=False)), [person(0)])
    wrong = person(0)
    wrong.pred_instances_3d.bboxes_3d = CameraInstance3DBoxes(torch.zeros(2, 7))
    with pytest.raises(DataError, match='CameraInstance3DBoxes'):
        run(kind(ann_file), [wrong])


def test_unknown_classes_are_named(ann_file):
    with pytest.raises(ConfigError, match='cannot evaluate Bus'):
        run(WaymoDetectionMetric(ann_file), [sample(0)], ['Bus', 'Car'])
    with pytest.raises(ConfigError, match='names no classes'):
        run(WaymoDetectionMetric(ann_file), [sample(0)], [])


def uneven_scores(path: str, frames, size: int = FRAMES) -> dict[str, float]:
    """Both metrics of predictions that are worse the later the frame; no part is the whole."""
    scores = run(WaymoDetectionMetric(path), [sample(f, .06 * f) for f in frames], size=size)
    people = run(WaymoKeypointMetric(path, protocol='voxelkp'),
                 [person(f, .01 * f) for f in frames], size=size)
    return {**scores, **people}


WORKER = '''
import json, sys
sys.path.insert(0, sys.argv[3])
import torch.distributed as dist
from test_metric import FRAMES, uneven_scores
rank = int(sys.argv[1])
dist.init_process_group('gloo', init_method=f'file://{sys.argv[2]}/store', rank=rank, world_size=2)
print('SCORES', json.dumps(uneven_scores(f'{sys.argv[2]}/infos.pkl', range(rank, FRAMES, 2))))
'''


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(ann_file, tmp_path):
    alone = uneven_scores(ann_file, range(FRAMES))
    assert 0 < alone['waymo/Vehicle_L2_APH'] < 1
    first_half = uneven_scores(ann_file, range(0, FRAMES, 2), FRAMES // 2)
    assert first_half['waymo/MPJPE/ALL'] != pytest.approx(alone['waymo/MPJPE/ALL'], rel=.01)
    workers = [subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(WORKER), str(rank), str(tmp_path),
         str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True) for rank in range(2)]
    printed = ''.join(worker.communicate(timeout=180)[0] for worker in workers)
    scores = [json.loads(line.removeprefix('SCORES ')) for line in printed.splitlines()
              if line.startswith('SCORES')]
    assert len(scores) == 2
    for score in scores:
        assert score == pytest.approx(alone, rel=1e-6, nan_ok=True)
