from __future__ import annotations

import numpy as np
from PIL import Image

from sparse3d.visualization import Boxes, Frame, Picture, draw_camera_overlay
from sparse3d.visualization.camera_overlay import (
    NEAREST,
    camera_canvas,
    project_segments,
    resized,
    visible_rectangles,
)
from sparse3d.visualization.colors import class_color

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
    orange = np.abs(image - 255 * np.array(class_color(0))).max(axis=-1) < 40
    ys, xs = np.nonzero(orange[85:, 180:220])                # without title, legend and label
    assert abs(xs.min() + 180 - 187.5) < 3 and abs(xs.max() + 180 - 212.5) < 3
    assert abs(ys.min() + 85 - 87.5) < 3 and abs(ys.max() + 85 - 112.5) < 3


def test_a_box_cut_by_the_edge_keeps_its_label_in_the_picture():
    picture = Picture('front', np.zeros((200, 400, 3), np.uint8), LIDAR2IMG)
    boxes = np.array([[4.0, 6, -1, 6, 3, 2, 0], [-9, 0, -1, 4, 2, 2, 0]])    # cut; behind
    seen = visible_rectangles(boxes, picture)
    assert np.isnan(seen[1]).all() and seen[0, 0] == 0 and 0 < seen[0, 2] < 200
    frame = Frame('7', np.zeros((0, 4)), ('Car',), None,
                  Boxes(boxes, np.zeros(2, int), np.ones(2)), (picture,))
    canvas = camera_canvas(frame, picture, with_header=False)
    label = next(text for text in canvas.axes.texts if text.get_text() == 'Car 1.00')
    box = label.get_window_extent(canvas.agg.get_renderer())
    assert box.x0 >= 0 and box.x1 <= 400 and box.y0 >= 0 and box.y1 <= 200


def test_a_smaller_picture_has_boxes_at_the_same_place():
    picture = Picture('front', np.zeros((200, 400, 3), np.uint8), LIDAR2IMG)
    small = resized(picture, 100)
    assert small.image.shape == (50, 100, 3)
    segment = np.array([[[10.0, 0, 0], [10, 1, 1]]])
    np.testing.assert_allclose(project_segments(segment, small.lidar2img)[0] * 4,
                               project_segments(segment, LIDAR2IMG)[0])
