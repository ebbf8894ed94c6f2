from __future__ import annotations

import numpy as np
from PIL import Image

from sparse3d.visualization import Boxes, Frame, Picture, draw_camera_overlay
from sparse3d.visualization.camera_overlay import NEAREST, project_segments

# x forward, y left, z up -> u right, v down, depth; focal length 100, center (200, 100).
LIDAR2IMG = np.array([[200.0, -100, 0, 0], [100, 0, -100, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


def test_a_segment_ahead():
    lines, rows = project_segments(np.array([[[10.0, 0, 0], [10, 1, 1]]]), LIDAR2IMG)
    np.testing.assert_allclose(lines, [[[200, 100], [190, 90]]])
    assert rows.tolist() == [0]


def test_segments_behind_are_dropped_and_crossing_ones_cut():
    segments = np.array([
        [[-5.0, 0, 0], [-6, 1, 0]],     # behind
        [[-10.0, 1, 0], [10, 1, 0]],    # through the camera's plane
        [[10.0, 1, 0], [-10, 1, 0]],    # the other way round
    ])
    lines, rows = project_segments(segments, LIDAR2IMG)
    assert rows.tolist() == [1, 2]
    cut = 200 - 100 / NEAREST
    np.testing.assert_allclose(lines[0], [[cut, 100], [190, 100]], rtol=1e-9)
    np.testing.assert_allclose(lines[1], [[190, 100], [cut, 100]], rtol=1e-9)


def test_boxes_are_drawn_where_they_are(tmp_path):
    boxes = np.array([[10.0, 0, -1, 4, 2, 2, 0]])
    picture = Picture('front', np.zeros((200, 400, 3), np.uint8), LIDAR2IMG)
    frame = Frame('7', np.zeros((0, 4)), ('Car',), Boxes(boxes, np.array([0])),
                  Boxes(boxes + 0.01, np.array([0]), np.array([0.9])), (picture,))
    draw_camera_overlay(frame, picture, tmp_path / 'front.png')
    image = np.asarray(Image.open(tmp_path / 'front.png').convert('RGB')).astype(int)
    assert image.shape == (200, 400, 3)
    green = (image[..., 1] > 120) & (image[..., 0] < 120)
    ys, xs = np.nonzero(green[30:, :300])                    # without title and legend
    assert abs(xs.min() - 187.5) < 3 and abs(xs.max() - 212.5) < 3
    assert abs(ys.min() + 30 - 87.5) < 3 and abs(ys.max() + 30 - 112.5) < 3
