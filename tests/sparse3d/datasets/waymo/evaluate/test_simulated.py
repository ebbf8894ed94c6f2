"""From simulated segments through files and data sets to the metrics: the truth scores fully."""
from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet3d.registry import DATASETS
from mmdet3d.structures import Det3DDataSample
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

import sparse3d.register  # noqa: F401
from sparse3d.datasets.waymo.evaluate.metric import WaymoDetectionMetric
from sparse3d.datasets.waymo.keypoints.metric import WaymoKeypointMetric
from sparse3d.datasets.waymo.prepare import prepare_waymo
from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """A segment of four frames, for validation."""
    root = tmp_path_factory.mktemp('drive') / 'waymo'
    options = WaymoOptions(seconds=.4, columns=300, image_width=0, val_fraction=1)
    simulate_waymo(root, 1, seed=3, options=options, show_progress=False)
    prepare_waymo(root, keep_no_label_zones=True)
    return root / 'kitti_format'


def evaluate(dataset, metric, change=lambda found: found):
    """Score the ground truth of a data set after ``change`` as if it had been predicted."""
    evaluator = Evaluator([metric])
    evaluator.dataset_meta = dataset.metainfo
    for index in range(len(dataset)):
        truth = dataset.get_data_info(index)['eval_ann_info']
        joints = truth['gt_keypoints_3d']
        sample = Det3DDataSample(metainfo=dataset[index]['data_samples'].metainfo)
        sample.pred_instances_3d = change(InstanceData(
            bboxes_3d=truth['gt_bboxes_3d'], labels_3d=torch.from_numpy(truth['gt_labels_3d']),
            scores_3d=torch.full((len(joints),), .9), keypoints_3d=joints.points,
            keypoints_visible=joints.visibility))
        evaluator.process([sample], None)
    return evaluator.evaluate(len(dataset))


def build(root, kind):
    init_default_scope('mmdet3d')
    return DATASETS.build(dict(
        type=kind, data_root=str(root), ann_file='waymo_infos_val.pkl', test_mode=True,
        pipeline=[dict(type='LoadWaymoPoints'), dict(type='PackSample', keys=['points'])]))


def moved(meters):
    def move(found):
        found.bboxes_3d.tensor[:, 0] += meters
        found.keypoints_3d = found.keypoints_3d + torch.tensor([meters, 0, 0])
        return found
    return move


def test_detections(root):
    dataset = build(root, 'WaymoDetectionDataset')
    metric = WaymoDetectionMetric(str(root / 'waymo_infos_val.pkl'))
    scores = evaluate(dataset, metric)
    for name in ('Vehicle', 'Pedestrian', 'Cyclist'):
        assert scores[f'waymo/{name}_L2_APH'] == pytest.approx(1, abs=1e-6)
    worse = evaluate(dataset, metric, moved(1.0))
    assert worse['waymo/Pedestrian_L2_AP'] < .1 and worse['waymo/Vehicle_L2_AP'] < .5


def test_keypoints(root):
    dataset = build(root, 'WaymoKeypointDataset')
    assert 0 < len(dataset) <= 4
    metric = WaymoKeypointMetric(str(root / 'waymo_infos_val.pkl'))
    scores = evaluate(dataset, metric)
    assert scores['waymo/MPJPE/ALL'] == pytest.approx(0, abs=1e-5)
    assert scores['waymo/PEM/ALL'] == pytest.approx(0, abs=1e-5)
    worse = evaluate(dataset, metric, moved(.1))
    assert worse['waymo/MPJPE/ALL'] == pytest.approx(.1, abs=1e-4)
    assert np.isfinite(list(worse.values())).all()
