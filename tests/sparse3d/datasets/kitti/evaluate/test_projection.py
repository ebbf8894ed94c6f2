"""LiDAR boxes to KITTI's image boxes, by hand, against mmdet3d and on real labels."""
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mmdet3d.structures import Box3DMode, LiDARInstance3DBoxes, points_cam2img

from sparse3d.datasets.kitti.evaluate.projection import lidar_boxes_to_kitti, project_to_image
from sparse3d.datasets.kitti.prepare.text import read_calibration, read_labels
from sparse3d.errors import DataError

# x right = -y left, y down = -z up, z forward = x forward; 90 degrees wide
CAMERA = dict(lidar2cam=[[0, -1, 0, 0], [0, 0, -1, -0.1], [1, 0, 0, -0.3], [0, 0, 0, 1]],
              cam2img=[[200, 0, 200, 40], [0, 200, 100, 0], [0, 0, 1, 0.01], [0, 0, 0, 1]],
              height=200, width=400)
SIMPLE = CAMERA | dict(lidar2cam=[[0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]],
                       cam2img=[[200, 0, 200, 0], [0, 200, 100, 0], [0, 0, 1, 0]])


def convert(boxes, camera=CAMERA, names=('Car', 'Pedestrian')):
    boxes = np.array(boxes, np.float32).reshape(-1, 7)
    labels = np.arange(len(boxes)) % len(names)
    return lidar_boxes_to_kitti(boxes, np.linspace(1, 0.5, len(boxes)), labels, names, camera)


def test_a_cube_straight_ahead_by_hand():
    result = convert([[10, 0, -1, 2, 2, 2, 0]], SIMPLE)
    # The near face is 9 m away: 200 px * 1 m / 9 m to each side of the center.
    np.testing.assert_allclose(
        result.bbox, [[200 - 200 / 9, 100 - 200 / 9, 200 + 200 / 9, 100 + 200 / 9]])
    np.testing.assert_allclose(result.location, [[0, 1, 10]])
    assert result.rotation_y[0] == pytest.approx(-math.pi / 2)
    assert result.alpha[0] == pytest.approx(-math.pi / 2)
    assert result.name.tolist() == ['Car'] and result.score.tolist() == [1.0]


def test_alpha_is_the_heading_seen_along_the_line_of_sight():
    """Two cars that show the camera the same side at different places."""
    boxes = [[10, 0, -1, 4, 2, 2, 0.2], [10, 5, -1, 4, 2, 2, 0.2 + math.atan2(5, 10)]]
    alpha = convert(boxes, SIMPLE).alpha
    assert alpha[0] == pytest.approx(alpha[1], abs=1e-6)


def test_agrees_with_mmdet3d_for_boxes_inside_the_image():
    random = np.random.default_rng(0)
    boxes = np.column_stack([random.uniform([15, -5, -2], [40, 5, 0], (50, 3)),
                             random.uniform(0.5, 4, (50, 3)), random.uniform(-3, 3, 50)])
    ours = convert(boxes)
    lidar = LiDARInstance3DBoxes(torch.tensor(boxes, dtype=torch.float32))
    camera = lidar.convert_to(Box3DMode.CAM, np.array(CAMERA['lidar2cam'], np.float32))
    pixels = points_cam2img(camera.corners, np.array(CAMERA['cam2img'], np.float32))
    expected = torch.cat([pixels.amin(1), pixels.amax(1)], 1).numpy()
    assert len(ours) == 50
    np.testing.assert_allclose(
        ours.bbox, expected.clip(0, [399, 199, 399, 199]), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(ours.location, camera.tensor[:, :3].numpy(), atol=1e-4)
    np.testing.assert_allclose(ours.dimensions, camera.tensor[:, 3:6].numpy(), atol=1e-5)


@pytest.mark.parametrize('box, seen', [
    ([-10, 0, -1, 4, 2, 2, 0], False),      # behind
    ([10, 30, -1, 4, 2, 2, 0], False),      # left of the image
    ([10, 0, -30, 4, 2, 2, 0], False),      # below it
    ([10, 10, -1, 4, 2, 2, 0], True),       # cut by the left border
    ([0.5, 1.5, -1, 4, 2, 2, 0], True),     # reaches behind the camera
])
def test_boxes_outside_the_image_are_left_out(box, seen):
    result = convert([box], SIMPLE)
    assert len(result) == seen
    if seen:
        left, top, right, bottom = result.bbox[0]
        assert 0 <= left < right <= 399 and 0 <= top < bottom <= 199


def test_a_box_that_reaches_behind_the_camera_covers_its_side_of_the_image():
    bbox = convert([[0.5, 1.5, -1, 4, 2, 2, 0]], SIMPLE).bbox[0]
    assert bbox[0] == 0 and bbox[1] == 0 and bbox[3] == 199 and bbox[2] < 200


def test_no_boxes_and_boxes_that_are_not_finite():
    assert len(convert([])) == 0
    assert len(convert([[float('nan'), 0, -1, 4, 2, 2, 0]])) == 0
    assert project_to_image(np.zeros((0, 7)), np.eye(4), (9, 9))[0].shape == (0, 4)


def test_an_incomplete_camera_is_named():
    with pytest.raises(DataError, match='lacks height, width'):
        convert([[10, 0, -1, 2, 2, 2, 0]], dict(lidar2cam=np.eye(4), cam2img=np.eye(4)))


def test_real_labels_project_onto_their_image_boxes(real_data_dir):
    folder = real_data_dir / 'kitti' / 'training'
    compared = 0
    for path in sorted((folder / 'label_2').glob('*.txt')):
        cam2img = read_calibration(folder / 'calib' / path.name).cam2img[2]
        for label in read_labels(path):
            if label.type == 'DontCare' or label.truncated > 0.1:
                continue
            bbox, visible = project_to_image(np.array([label.camera_box]), cam2img, (375, 1242))
            np.testing.assert_allclose(bbox[0], label.bbox, atol=12)
            compared += visible[0]
    assert compared >= 5
