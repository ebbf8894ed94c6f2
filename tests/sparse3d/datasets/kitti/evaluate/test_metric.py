"""The metric of mmengine: predictions of a detector in, KITTI's numbers and files out."""
from __future__ import annotations

import logging
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
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData

from sparse3d.datasets.kitti.evaluate import evaluate_kitti
from sparse3d.datasets.kitti.evaluate.metric import KittiDetectionMetric
from sparse3d.datasets.kitti.evaluate.projection import lidar_boxes_to_kitti
from sparse3d.datasets.kitti.prepare import prepare_kitti
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_conversions import kitti_camera_to_lidar
from sparse3d.transforms.info_files import read_info_file, write_info_file

CATEGORIES = dict(Pedestrian=0, Cyclist=1, Car=2, Van=3, Truck=4, Person_sitting=5, Tram=6, Misc=7,
                  DontCare=-1)
CAMERA = dict(lidar2cam=[[0, -1, 0, 0], [0, 0, -1, -0.1], [1, 0, 0, -0.3], [0, 0, 0, 1]],
              cam2img=[[800, 0, 400, 0], [0, 800, 200, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
              height=400, width=800)
CLASSES = ['Car', 'Pedestrian']
FRAMES = 60


def boxes_of(frame: int) -> np.ndarray:
    """A car and a pedestrian in front of the camera, somewhere else in each frame."""
    random = np.random.default_rng(frame)
    return np.array([[random.uniform(14, 20), random.uniform(1, 4), -1.5, 4, 1.7, 1.5,
                      random.uniform(-3, 3)],
                     [random.uniform(14, 20), random.uniform(-4, -1), -1.5, 0.6, 0.7, 1.7,
                      random.uniform(-3, 3)]])


def entry(frame: int, labeled=True) -> dict:
    """An entry of an info file, ids 3, 6, 9, ..."""
    found = lidar_boxes_to_kitti(boxes_of(frame), np.ones(2), np.arange(2), CLASSES, CAMERA)
    instances = [dict(
        bbox=found.bbox[row].tolist(), bbox_label=CATEGORIES[found.name[row]],
        bbox_3d=[*found.location[row], *found.dimensions[row], found.rotation_y[row]],
        truncated=0.0, occluded=0, alpha=found.alpha[row], score=0.0) for row in range(2)]
    instances.append(dict(bbox=[0, 0, 20, 20], bbox_label=-1, truncated=-1, occluded=-1, alpha=-10,
                          bbox_3d=[-1000] * 3 + [-1] * 3 + [-10], score=0.0))
    number = 3 * frame + 3
    result = dict(sample_idx=number, images=dict(CAM2=dict(CAMERA, img_path=f'{number:06d}.png')),
                  lidar_points=dict(lidar_path=f'{number:06d}.bin'))
    return result | (dict(instances=instances) if labeled else {})


def info_file(path: Path, labeled=True) -> str:
    write_info_file(path, dict(dataset='kitti', categories=CATEGORIES, stamp={}),
                    [entry(frame, labeled) for frame in range(FRAMES)])
    return str(path)


@pytest.fixture
def ann_file(tmp_path):
    return info_file(tmp_path / 'infos.pkl')


def sample(frame: int, boxes=None, named=True, scores=(0.9, 0.8)) -> Det3DDataSample:
    """A prediction, by default the ground truth; ``sample_idx`` counts as mmengine does."""
    boxes = boxes_of(frame) if boxes is None else np.reshape(boxes, (-1, 7))
    meta = dict(sample_idx=frame)
    if named:
        meta['lidar_path'] = f'data/velodyne_reduced/{3 * frame + 3:06d}.bin'
    result = Det3DDataSample(metainfo=meta)
    result.pred_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.tensor(boxes, dtype=torch.float32)),
        scores_3d=torch.tensor(scores[:len(boxes)]), labels_3d=torch.arange(len(boxes)))
    return result


def run(metric, samples, classes=CLASSES):
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=classes)
    for start in range(0, len(samples), 4):
        evaluator.process(samples[start:start + 4], None)
    return evaluator.evaluate(len(samples))


def test_ground_truth_scores_full_marks(ann_file):
    scores = run(KittiDetectionMetric(ann_file), [sample(frame) for frame in range(FRAMES)])
    for kind in ('2D', 'AOS', 'BEV', '3D'):
        assert scores[f'kitti/Car_{kind}_R40_moderate'] == pytest.approx(100)
        assert scores[f'kitti/Pedestrian_{kind}_R11_easy_loose'] == pytest.approx(100)
    assert scores['kitti/Overall_3D_R40_moderate'] == pytest.approx(100)


def test_the_numbers_are_those_of_the_plain_function(ann_file):
    shifted = [boxes_of(frame) + np.array([0.02 * frame, 0, 0, 0, 0, 0, 0])
               for frame in range(FRAMES)]
    samples = [sample(frame, boxes) for frame, boxes in enumerate(shifted)]
    scores = run(KittiDetectionMetric(ann_file), samples)
    frames = [[lidar_boxes_to_kitti(np.float32(boxes), np.array([0.9, 0.8]), np.arange(2), CLASSES,
                                    CAMERA) for boxes in table]
              for table in (shifted, [boxes_of(frame) for frame in range(FRAMES)])]
    expected = evaluate_kitti(*frames, CLASSES).average_precision
    assert 0 < scores['kitti/Car_3D_R40_moderate'] < 100
    assert scores == pytest.approx({f'kitti/{key}': value for key, value in expected.items()})


def test_frames_are_known_by_name_whatever_their_order(ann_file):
    samples = [sample(frame) for frame in reversed(range(FRAMES))]
    for place, moved in enumerate(samples):
        moved.set_metainfo(dict(sample_idx=place))
    scores = run(KittiDetectionMetric(ann_file), samples)
    assert scores['kitti/Car_3D_R40_moderate'] == pytest.approx(100)


def test_frames_without_names_are_known_by_their_place(ann_file):
    scores = run(KittiDetectionMetric(ann_file),
                 [sample(frame, named=False) for frame in range(FRAMES)])
    assert scores['kitti/Car_3D_R40_moderate'] == pytest.approx(100)


def test_nothing_found_and_a_part_of_the_frames(ann_file):
    scores = run(KittiDetectionMetric(ann_file), [sample(frame, []) for frame in range(5)])
    assert scores['kitti/Car_3D_R40_moderate'] == 0


def test_the_table_goes_to_the_log(ann_file):
    records = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())
    logger = MMLogger.get_instance('test_metric')
    logger.addHandler(handler)
    run(KittiDetectionMetric(ann_file), [sample(frame) for frame in range(5)])
    text = '\n'.join(records)
    assert 'evaluating 5 of the 60 frames' in text
    assert 'AP_R40' in text and 'Car 5/5/5' in text


def test_format_only_writes_one_file_per_image_by_its_own_number(tmp_path):
    ann_file = info_file(tmp_path / 'test.pkl', labeled=False)
    metric = METRICS.build(dict(type='KittiDetectionMetric', ann_file=ann_file, format_only=True,
                                submission_prefix=str(tmp_path / 'results')))
    assert run(metric, [sample(frame, None if frame else []) for frame in range(2)]) == {}
    files = sorted((tmp_path / 'results').iterdir())
    assert len(files) == FRAMES and files[0].name == '000003.txt'
    assert [len(path.read_text().splitlines()) for path in files[:3]] == [0, 2, 0]


@pytest.mark.parametrize('arguments, classes, samples, error, message', [
    (dict(format_only=True), CLASSES, [], ConfigError, 'submission_prefix'),
    (dict(), ['Bus'], [], ConfigError, 'cannot evaluate Bus'),
    (dict(), [], [], ConfigError, 'names no classes'),
    (dict(camera='CAM9'), CLASSES, [0], DataError, 'lacks lidar2cam'),
    (dict(), CLASSES, [FRAMES], DataError, "frame '000183'"),
])
def test_wrong_settings_are_named(ann_file, arguments, classes, samples, error, message):
    with pytest.raises(error, match=message):
        run(KittiDetectionMetric(ann_file, **arguments), [sample(frame) for frame in samples],
            classes)


def test_a_split_without_labels_is_named(tmp_path):
    metric = KittiDetectionMetric(info_file(tmp_path / 'test.pkl', labeled=False))
    with pytest.raises(DataError, match='frame 3 of .* has no instances'):
        run(metric, [sample(0)])


def test_boxes_of_another_frame_are_named(ann_file):
    wrong = sample(0)
    wrong.pred_instances_3d.bboxes_3d = CameraInstance3DBoxes(torch.zeros(2, 7))
    with pytest.raises(DataError, match='CameraInstance3DBoxes'):
        run(KittiDetectionMetric(ann_file), [wrong])


def test_real_frames_reach_their_caps(real_data_dir, tmp_path):
    """Labels of three real frames, taken through preparation and LiDAR boxes."""
    report = prepare_kitti(real_data_dir / 'kitti', out=tmp_path, splits=['train'],
                           all_frames=True, database=False)
    path = next(path for path in report.files if path.name == 'kitti_infos_train.pkl')
    samples = []
    for place, frame in enumerate(read_info_file(path, 'kitti')['data_list']):
        cars = [item['bbox_3d'] for item in frame['instances'] if item['bbox_label'] == 2]
        boxes = kitti_camera_to_lidar(cars, frame['images']['CAM2']['lidar2cam'])
        samples.append(sample(place, boxes, named=False, scores=torch.rand(len(cars))))
        samples[-1].pred_instances_3d.labels_3d = torch.zeros(len(cars), dtype=torch.long)
    scores = run(KittiDetectionMetric(str(path)), samples, ['Car'])
    for kind in ('2D', 'AOS', 'BEV', '3D'):  # four cars count: 3 of 40 points
        assert scores[f'kitti/Car_{kind}_R40_moderate'] == pytest.approx(7.5, abs=1e-3)


WORKER = '''
import sys
sys.path.insert(0, sys.argv[3])
import torch.distributed as dist
from test_metric import FRAMES, KittiDetectionMetric, run_part
rank = int(sys.argv[1])
dist.init_process_group('gloo', init_method=f'file://{sys.argv[2]}/store', rank=rank, world_size=2)
scores = run_part(KittiDetectionMetric(f'{sys.argv[2]}/infos.pkl'), rank)
print('SCORE', rank, scores['kitti/Car_3D_R40_moderate'])
'''


def run_part(metric, rank):
    """Every second frame, as a distributed sampler deals them out."""
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=CLASSES)
    evaluator.process([sample(frame) for frame in range(rank, FRAMES, 2)], None)
    return evaluator.evaluate(FRAMES)


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(ann_file, tmp_path):
    workers = [subprocess.Popen(
        [sys.executable, '-c', textwrap.dedent(WORKER), str(rank), str(tmp_path),
         str(Path(__file__).parent)], stdout=subprocess.PIPE, text=True) for rank in range(2)]
    printed = ''.join(worker.communicate(timeout=180)[0] for worker in workers)
    scores = [line.split()[2] for line in printed.splitlines() if line.startswith('SCORE')]
    assert len(scores) == 2
    assert [float(score) for score in scores] == pytest.approx([100.0, 100.0])
