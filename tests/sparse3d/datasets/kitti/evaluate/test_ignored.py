from __future__ import annotations

import numpy as np

from sparse3d.datasets.kitti.evaluate.annotations import KittiObjects
from sparse3d.datasets.kitti.evaluate.ignored import ignored_in_frame
from sparse3d.datasets.kitti.evaluate.projection import lidar_boxes_to_kitti

TURN = np.array([[0, -1.0, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
CAMERA = dict(lidar2cam=TURN, cam2img=np.array([[700.0, 0, 600, 0], [0, 700, 180, 0],
                                                [0, 0, 1, 0]]), height=370, width=1200)
BOXES = np.array([[15.0, 0, -1.6, 4, 1.7, 1.5, 0], [20, 4, -1.6, 4, 1.7, 1.5, 0],
                  [25, -4, -1.6, 4, 1.7, 1.5, 0], [60, 2, -1.6, 4, 1.7, 1.5, 0]])


def test_hidden_and_small_objects_and_vans():
    made = lidar_boxes_to_kitti(BOXES, np.ones(4), np.zeros(4, int), ['Car'], CAMERA)
    gt = KittiObjects(np.array(['Car', 'Van', 'Car', 'Car']), made.bbox, made.location,
                      made.dimensions, made.rotation_y, made.alpha, np.zeros(4),
                      np.array([0.0, 0, 3, 0]), made.score)
    behind = np.array([[-10.0, 0, -1.6, 4, 1.7, 1.5, 0]])
    out = ignored_in_frame(gt, CAMERA, np.concatenate([BOXES, behind]), ['Car', 'Pedestrian'])
    np.testing.assert_allclose(out.boxes[:, :3], BOXES[1:, :3], atol=1e-6)
    assert out.labels.tolist() == [0, 0, 0]           # the van, the hidden and the distant car
    assert out.detections.tolist() == [False, False, False, True, True]
