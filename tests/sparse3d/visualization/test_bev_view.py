from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sparse3d.errors import DataError
from sparse3d.visualization import Boxes, Frame, draw_bev
from sparse3d.visualization.bev_view import points_extent
from sparse3d.visualization.colors import point_colors


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


def test_ground_truth_is_green_and_left_is_left(tmp_path):
    boxes = np.array([[20.0, 8, -1, 4, 2, 2, 0]])             # ahead and to the left
    drawn = Frame('1', np.zeros((0, 3)), (), Boxes(boxes, np.array([0])))
    draw_bev(drawn, tmp_path / 'view.png', view_range=(0, -20, 40, 20))
    image = np.asarray(Image.open(tmp_path / 'view.png').convert('RGB')).astype(int)
    green = (image[..., 1] > 150) & (image[..., 0] < 120) & (image[..., 2] < 130)
    green[:image.shape[0] // 5] = False                       # the legend
    ys, xs = np.nonzero(green)
    assert len(xs) > 50 and xs.max() < 0.55 * image.shape[1]
    assert abs(ys.mean() / image.shape[0] - 0.5) < 0.1


def test_the_extent_holds_points_and_sensor():
    x_min, y_min, x_max, y_max = points_extent(np.array([[50.0, 30, 0]] * 100))
    assert x_min < 0 and x_max > 50 and y_min < 0 and y_max > 30
    assert points_extent(np.zeros((0, 3)))[2] > 0


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
