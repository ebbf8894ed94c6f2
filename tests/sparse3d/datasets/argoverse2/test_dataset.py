"""Samples of Argoverse 2 through the registered dataset, loader, check and metric."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS, METRICS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from argoverse2_logs import LOG, time_of, write_log
from sparse3d.datasets.argoverse2.check import check_argoverse2
from sparse3d.datasets.argoverse2.dataset import Argoverse2DetectionDataset
from sparse3d.datasets.argoverse2.evaluate.metric import Argoverse2DetectionMetric  # noqa: F401
from sparse3d.datasets.argoverse2.load_points import LoadArgoverse2Points
from sparse3d.datasets.argoverse2.prepare import prepare_argoverse2
from sparse3d.datasets.argoverse2.results import open_feather
from sparse3d.errors import ConfigError, DataError

CLASSES = ['PEDESTRIAN', 'REGULAR_VEHICLE']


@pytest.fixture
def root(tmp_path):
    write_log(tmp_path, cameras=True)
    prepare_argoverse2(tmp_path)
    return tmp_path


def build(root, **options) -> Argoverse2DetectionDataset:
    options = dict(ann_file='argoverse2_infos_val.pkl', metainfo=dict(classes=CLASSES)) | options
    return DATASETS.build(dict(type='Argoverse2DetectionDataset', data_root=str(root),
                               pipeline=[], **options))


def test_a_sample_in_training_and_testing(root):
    sample = build(root).get_data_info(1)
    assert sample['ann_info']['gt_labels_3d'].tolist() == [1]     # nobody learns without points
    assert sample['log_id'] == LOG and len(sample['lidar_sweeps']) == 1
    tested = build(root, test_mode=True, with_velocity=True, load_interval=2).get_data_info(1)
    assert tested['eval_ann_info']['gt_labels_3d'].tolist() == [1, 0]
    boxes = tested['eval_ann_info']['gt_bboxes_3d'].tensor
    assert boxes.shape == (2, 9) and np.hypot(*boxes[1, 7:].tolist()) == pytest.approx(1.5)
    assert tested['images']['ring_front_left']['cam2img'].shape == (3, 3)


def test_configs_name_each_class_of_the_benchmark_once():
    from sparse3d.datasets.argoverse2 import categories
    from sparse3d_configs._base_ import argoverse2_classes
    assert sorted(argoverse2_classes.CLASSES) == list(categories.CLASSES)


def test_another_class_is_refused(root):
    with pytest.raises(ConfigError, match="'CAR' in metainfo is not one of Argoverse 2"):
        build(root, metainfo=dict(classes=['CAR']))


def test_earlier_sweeps_lie_on_the_sweep_of_now(root):
    points = LoadArgoverse2Points(num_frames=3)(build(root).get_data_info(2))['points'].tensor
    assert points.shape == (24, 5)
    np.testing.assert_allclose(np.unique(points[:, 4]), [0, 0.1, 0.2], atol=1e-6)
    now, older = points[:8, :3], points[16:, :3]
    assert (now - older).abs().max() < 0.04     # the steps of half precision at 32 m
    assert points[:8, 3].tolist() == list(range(8))
    scaled = LoadArgoverse2Points(intensity_scale=0.5)(build(root).get_data_info(2))['points']
    assert scaled.tensor[:, 3].tolist() == [row / 2 for row in range(8)]


def test_more_frames_than_are_kept(root):
    dataset = build(root, max_sweeps=1)
    with pytest.raises(ConfigError, match='max_sweeps to 2'):
        LoadArgoverse2Points(num_frames=3)(dataset.get_data_info(3))


def test_check(root):
    assert check_argoverse2(root).ok, str(check_argoverse2(root))
    (root / f'sensor/val/{LOG}/sensors/lidar/{time_of(2)}.feather').unlink()
    text = str(check_argoverse2(root))
    assert 'sweeps of val are missing' in text and 'sweeps of val are unusable' in text


def predicted(dataset, row, shift=0.0):
    """Ground truth as detections."""
    sample = dataset.get_data_info(row)
    boxes = sample['eval_ann_info']['gt_bboxes_3d'].tensor.clone()
    boxes[:, 0] += shift
    labels = torch.from_numpy(sample['eval_ann_info']['gt_labels_3d'])
    pred = InstanceData(bboxes_3d=LiDARInstance3DBoxes(boxes), labels_3d=labels,
                        scores_3d=torch.linspace(0.9, 0.5, len(labels)))
    return dict(sample_idx=row, lidar_path=sample['lidar_path'], pred_instances_3d=pred)


def metric_of(root, **options):
    metric = METRICS.build(dict(type='Argoverse2DetectionMetric',
                                ann_file=str(root / 'argoverse2_infos_val.pkl'), **options))
    metric.dataset_meta = dict(classes=CLASSES)
    return metric


def test_the_metric_and_its_submission(root):
    dataset = build(root, test_mode=True)
    submission = root / 'results' / 'detections.feather'
    metric = metric_of(root, region_of_interest=False, submission_file=str(submission))
    metric.process(None, [predicted(dataset, row, shift=0.7) for row in range(4)])
    scores = metric.evaluate(4)
    assert scores['argoverse2/REGULAR_VEHICLE_AP'] == pytest.approx(0.75)
    assert scores['argoverse2/REGULAR_VEHICLE_ATE'] == pytest.approx(0.7, abs=1e-5)
    assert scores['argoverse2/PEDESTRIAN_AP'] == 0     # the benchmark counts none without points
    found = open_feather(submission)(dict(log_id=LOG, timestamp_ns=time_of(1)))
    expected = predicted(dataset, 1, 0.7)['pred_instances_3d']['bboxes_3d'].tensor.numpy()
    np.testing.assert_allclose(found.boxes_3d[:, :7], expected, atol=1e-5)
    assert list(found.names) == ['REGULAR_VEHICLE', 'PEDESTRIAN']


def test_a_frame_where_nothing_was_found(root):
    dataset, metric = build(root, test_mode=True), metric_of(root, region_of_interest=False)
    sample = predicted(dataset, 0)
    sample['pred_instances_3d'] = sample['pred_instances_3d'][:0]
    metric.process(None, [sample, predicted(dataset, 1)])
    assert 0.4 < metric.evaluate(2)['argoverse2/REGULAR_VEHICLE_AP'] < 0.6


def test_the_region_counts(root):
    """The car stands 12 m from the middle of the road, beyond the drivable area and 5 m."""
    dataset = build(root, test_mode=True)
    metric = metric_of(root)
    sample = predicted(dataset, 0)
    ignored = metric.ignored(sample, sample['pred_instances_3d']['bboxes_3d'].tensor.numpy())
    assert len(ignored.labels) == 2 and ignored.detections.all()
    metric.process(None, [sample])
    assert metric.evaluate(1)['argoverse2/REGULAR_VEHICLE_AP'] == 0
    for path in (root / f'sensor/val/{LOG}/map').iterdir():
        path.unlink()
    with pytest.raises(DataError, match='without a map there is no region of interest'):
        metric_of(root).process(None, [sample])  # before the other frames are looked at
    metric = metric_of(root, region_of_interest=False)
    metric.process(None, [sample])
    assert metric.evaluate(1)['argoverse2/REGULAR_VEHICLE_AP'] > 0


def test_format_only_needs_a_place(root):
    with pytest.raises(ConfigError, match='say where with submission_file'):
        metric_of(root, format_only=True)
    with pytest.raises(ConfigError, match='takes a .feather file'):
        metric_of(root, submission_file='detections.json')
