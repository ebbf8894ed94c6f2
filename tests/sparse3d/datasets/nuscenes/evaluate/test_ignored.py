from __future__ import annotations

import numpy as np

from sparse3d.datasets.nuscenes.evaluate.ignored import ignored_in_frame


def test_far_objects_and_those_that_no_sensor_hit():
    def item(x, label, lidar=5, radar=0):
        return dict(bbox_3d=[x, 0, -1, 4, 2, 1.5, 0, 0, 0], bbox_label_3d=label,
                    num_lidar_pts=lidar, num_radar_pts=radar)
    shift = np.eye(4)
    shift[0, 3] = 1.0                          # the sensor sits a meter ahead of the middle
    entry = dict(lidar_points=dict(lidar2ego=shift), instances=[
        item(48, 0), item(49.5, 0), item(10, 0, 0, 0), item(11, 0, 0, 2), item(45, 1), item(9, 7)])
    boxes = np.array([[48.5, 0, 0, 4, 2, 1, 0], [49.5, 0, 0, 4, 2, 1, 0], [41, 0, 0, 1, 1, 2, 0]])
    out = ignored_in_frame(entry, {0: 'car', 1: 'pedestrian', 7: 'animal'}, ['car', 'pedestrian'],
                           boxes, np.array([0, 0, 1]))
    assert out.boxes[:, 0].tolist() == [49.5, 10, 45] and out.labels.tolist() == [0, 0, 1]
    assert out.detections.tolist() == [False, True, True]
