"""Detections in places where nothing is labeled."""
import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData

from sparse3d.datasets.waymo.evaluate.metric import WaymoDetectionMetric
from sparse3d.datasets.waymo.evaluate.zones import overlap_zones
from sparse3d.transforms.info_files import write_info_file

SQUARE = np.array([[10, 10], [20, 10], [20, 20], [10, 20.0]])


def box(x, y, yaw=0.0):
    return [x, y, 0, 4, 2, 1.5, yaw]


def turned(angle, x, y):
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    pose[:2, 3] = x, y
    return pose


def test_by_hand():
    """A car of 4 by 2 m whose middle is 1.9 m from the zone reaches into it along x only."""
    boxes = np.array([box(15, 15), box(8.1, 15), box(7.9, 15), box(8.1, 15, np.pi / 2),
                      box(-50, 0)])
    assert overlap_zones(boxes, [SQUARE], np.eye(4)).tolist() == [True, True, False, False, False]
    assert not overlap_zones(boxes, [], np.eye(4)).any()
    assert overlap_zones(np.zeros((0, 7)), [SQUARE], np.eye(4)).shape == (0,)


def test_zones_are_global_and_boxes_are_the_vehicles():
    pose = turned(np.pi / 2, 100, 50)       # the vehicle looks along the global y
    middle = np.array([115, 65.0])          # global: 15 m to its right, 15 m ahead
    zone = SQUARE - (15, 15) + middle
    assert overlap_zones(np.array([box(15, -15), box(15, 15)]), [zone], pose).tolist() == [
        True, False]


def test_a_notched_zone_and_a_twisted_one():
    notched = np.array([[0, 0], [30, 0], [30, 30], [15, 5], [0, 30.0]])
    boxes = np.array([box(15, 20), box(28, 20)])
    assert overlap_zones(boxes, [notched], np.eye(4)).tolist() == [False, True]
    twisted = SQUARE[[0, 2, 1, 3]]  # a bow tie: full on the left and right, empty above
    boxes = np.array([box(9, 15), box(15, 19.5)])
    assert overlap_zones(boxes, [twisted, SQUARE[:2]], np.eye(4)).tolist() == [True, False]


@pytest.mark.parametrize('published, expected', [(False, 1.0), (True, .5)])
def test_a_detection_in_a_zone_is_no_false_positive(tmp_path, published, expected):
    truth = dict(bbox_3d=box(30, 0), bbox_label_3d=0, num_lidar_pts=50)
    entry = dict(sample_idx=0, ego2global=turned(.5, 10, 20).tolist(), instances=[truth],
                 lidar_points=dict(lidar_path='1000000.bin'))
    corners = np.column_stack([SQUARE, np.zeros(4), np.ones(4)]) @ turned(.5, 10, 20).T
    entry['no_label_zones'] = [corners[:, :2].tolist()]
    write_info_file(tmp_path / 'infos.pkl', dict(dataset='waymo', stamp={}), [entry])
    sample = Det3DDataSample(metainfo=dict(sample_idx=0))
    sample.pred_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.tensor([box(15, 15), box(30, 0)])),
        scores_3d=torch.tensor([.9, .9]), labels_3d=torch.zeros(2, dtype=torch.int64))
    evaluator = Evaluator(WaymoDetectionMetric(str(tmp_path / 'infos.pkl'),
                                               published_no_zones=published))
    evaluator.dataset_meta = dict(classes=['Car'])
    evaluator.process([sample], None)
    assert evaluator.evaluate(1)['waymo/Vehicle_L1_AP'] == pytest.approx(expected, abs=.01)
