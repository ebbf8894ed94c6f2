from __future__ import annotations

import time

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from PIL import Image

from sparse3d.errors import DataError
from sparse3d.visualization import Boxes, Frame, draw_bev
from sparse3d.visualization.bev_view import bev_canvas, points_extent, ring_radii, step_of
from sparse3d.visualization.colors import DARK, LIGHT, point_colors
from sparse3d.visualization.style import Style


def frame(points=200, gt=3, pred=2):
    made = np.random.default_rng(0)
    boxes = made.uniform([5, -10, -2, 3, 1, 1, -3], [40, 10, -1, 5, 2, 2, 3], (6, 7))
    return Frame('000001', made.uniform(-20, 40, (points, 4)), ('Car', 'Cyclist'),
                 Boxes(boxes[:gt], np.zeros(gt, int)),
                 Boxes(boxes[:pred], np.arange(pred) % 3, np.linspace(0.9, 0.4, pred)))


@pytest.mark.parametrize('size', [(200, 3, 2), (0, 0, 0), (1, 1, 0), (200, 0, 6)])
@pytest.mark.parametrize('kind', ['png', 'pdf'])
def test_any_frame_can_be_drawn(tmp_path, size, kind):
    path = tmp_path / f'view.{kind}'
    draw_bev(frame(*size), path)
    assert path.stat().st_size > 1000
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def near(path, color):
    image = np.asarray(Image.open(path).convert('RGB')).astype(int)
    return np.abs(image - np.round(255 * np.array(color))).max(axis=-1) < 12


@pytest.mark.parametrize('theme', [DARK, LIGHT], ids=lambda theme: theme.name)
def test_left_is_left_and_the_class_has_its_color(tmp_path, theme):
    boxes = np.array([[20.0, 8, -1, 4, 2, 2, 0]])             # ahead and to the left
    drawn = Frame('1', np.zeros((0, 3)), ('Car', 'Van'), Boxes(boxes, np.array([1])))
    draw_bev(drawn, tmp_path / 'view.png', view_range=(0, -20, 40, 20), style=Style(theme=theme))
    shown = near(tmp_path / 'view.png', theme.classes[1])
    shown[:shown.shape[0] // 5] = False                       # the legend
    ys, xs = np.nonzero(shown)
    assert len(xs) > 50 and xs.max() < 0.55 * shown.shape[1]
    assert abs(ys.mean() / shown.shape[0] - 0.5) < 0.1
    assert near(tmp_path / 'view.png', theme.background).mean() > 0.8


def test_ground_truth_is_dashed_and_detections_are_solid():
    boxes = np.array([[20.0, 8, -1, 4, 2, 2, 0]])
    for made in (Boxes(boxes, np.array([0])), Boxes(boxes, np.array([0]), np.ones(1))):
        truth = made.scores is None
        drawn = Frame('1', np.zeros((0, 3)), ('Car',), made if truth else None,
                      None if truth else made)
        outline = next(item for item in bev_canvas(drawn).axes.collections
                       if isinstance(item, LineCollection))
        assert (outline.get_linestyle()[0][1] is not None) == truth


def test_the_extent_holds_points_sensor_and_all_boxes():
    x_min, y_min, x_max, y_max = points_extent(np.array([[50.0, 30, 0]] * 100))
    assert x_min < 0 and x_max > 50 and y_min < 0 and y_max > 30
    assert points_extent(np.zeros((0, 3)))[2] > 0
    far = Boxes(np.array([[210.0, -90, 0, 20, 3, 3, 0], [-70, 0, 0, 4, 2, 2, 0]]), np.zeros(2, int))
    x_min, y_min, x_max, y_max = points_extent(np.zeros((0, 3)), far, None)
    assert x_min < -72 and x_max > 220 and y_min < -91.5


def test_texts_are_in_the_picture_and_circles_go_as_far_as_the_boxes():
    far = Boxes(np.array([[145.0, -3, -1, 20, 3, 3, 0]] * 9), np.zeros(9, int), np.ones(9))
    canvas = bev_canvas(Frame('a' * 90, np.zeros((0, 3)), ('Car',), None, far))
    canvas.agg.draw()
    for text in canvas.axes.texts:
        box = text.get_window_extent(canvas.agg.get_renderer())
        assert box.x0 >= -1 and box.y0 >= -1, text.get_text()
        assert box.x1 <= canvas.size[0] + 1 and box.y1 <= canvas.size[1] + 1, text.get_text()
    assert '150 m' in [text.get_text() for text in canvas.axes.texts]
    assert ring_radii(43)[-1] == 50 and ring_radii(230) == [50, 100, 150, 200, 250]


def test_missed_objects_are_named_and_found_ones_once():
    boxes = np.array([[20.0, 8, -1, 4, 2, 2, 0, 3, 0], [10, -8, -1, 4, 2, 2, 0, 0, 0]])
    drawn = Frame('1', np.zeros((0, 3)), ('Car',), Boxes(boxes, np.zeros(2, int)),
                  Boxes(boxes[:1] + 0.1, np.zeros(1, int), np.array([0.83])))
    canvas = bev_canvas(drawn)
    texts = [text.get_text() for text in canvas.axes.texts]
    assert texts.count('Car 0.83') == 1 and texts.count('Car, labeled') == 1
    legend = [text.get_text() for text in canvas.axes.get_legend().get_texts()]
    assert legend == ['Car (2 labeled, 1 detected)', 'ground truth', 'detected, with score',
                      'velocity: way in 1 s']


def test_colors_of_points():
    points = np.array([[0.0, 0, -2, 0.1], [0, 0, 3, 0.9]])
    low, high = point_colors(points)
    assert high.sum() > low.sum()
    assert point_colors(points, 'intensity').shape == (2, 3)
    assert point_colors(points[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match='intensity'):
        point_colors(points[:, :3], 'intensity')


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / 'view.png').mkdir()
    with pytest.raises(DataError, match='view.png'):
        draw_bev(frame(), tmp_path / 'view.png')


def test_rings_and_numbers_of_any_reach_are_few():
    """A box on a map drew 14,000 rings in four minutes, and ended in StopIteration."""
    assert [step_of(minimum) for minimum in (0.1, 5, 9.9, 42, 999, 45_000)] == [
        5, 10, 10, 50, 1000, 50_000]
    for reach in (900, 1001, 691_000, 5e6, 1e30):
        assert 2 <= len(ring_radii(reach)) <= 20, reach
    assert ring_radii(1000)[:2] == [50, 100]


@pytest.mark.parametrize('place', [691_000.0, 3e7])
def test_a_far_box_is_drawn_in_time(place):
    boxes = Boxes(np.array([[place, place, 0, 4, 2, 1.5, 0.3]]), np.zeros(1, int), np.ones(1))
    frame = Frame('far', np.zeros((3, 4), np.float32), class_names=('Car', ), detections=boxes)
    started = time.monotonic()
    canvas = bev_canvas(frame, Style())
    assert len(canvas.axes.lines) < 40 and time.monotonic() - started < 8
