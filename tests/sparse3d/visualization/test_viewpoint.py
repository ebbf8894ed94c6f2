from __future__ import annotations

import numpy as np
import pytest

from sparse3d.visualization import Boxes, Frame
from sparse3d.visualization.box_lines import box_corners
from sparse3d.visualization.scene_3d import FIELD_OF_VIEW
from sparse3d.visualization.style import VIEWS, Style
from sparse3d.visualization.viewpoint import viewpoint

BOXES = np.array([[140.0, 30, -1.7, 12, 3, 4, 0.4], [-60, -55, -1.7, 4, 2, 1.6, 2.0]])


def frame():
    return Frame('1', np.random.default_rng(0).uniform([-30, -30, -2], [60, 30, 1], (500, 3)),
                 ('Car',), Boxes(BOXES, np.zeros(2, int)))


def seen(view: str, points: np.ndarray, aspect: float) -> np.ndarray:
    """(N, 2) places of points in the picture, -1..1 inside of it; NaN behind the eye."""
    eye, look_at, up = viewpoint(Style(view=view), frame(), aspect)
    ahead = (look_at - eye) / np.linalg.norm(look_at - eye)
    right = np.cross(ahead, up)
    right /= np.linalg.norm(right)
    depth = (points - eye) @ ahead
    half = np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
    place = np.stack([(points - eye) @ right / aspect, (points - eye) @ np.cross(right, ahead)], 1)
    return np.where(depth[:, None] > 0, place / depth[:, None] / half, np.nan)


@pytest.mark.parametrize('aspect', [16 / 9, 1.0, 0.6])
@pytest.mark.parametrize('view', ['fit', 'top'])
def test_all_boxes_fit_in(view, aspect):
    assert np.abs(seen(view, box_corners(BOXES).reshape(-1, 3), aspect)).max() < 1


def test_front_looks_back_and_the_others_ahead():
    for view in VIEWS:
        eye, look_at, _ = viewpoint(Style(view=view), frame())
        assert (look_at[0] < eye[0]) == (view == 'front') or view == 'top'
    left = seen('behind', np.array([[20.0, 5, 0]]), 1.6)
    assert left[0, 0] < 0 < seen('front', np.array([[20.0, 5, 0]]), 1.6)[0, 0]


def test_zoom_goes_nearer():
    (far, place, _), (near, _, _) = (viewpoint(Style(zoom=zoom), frame()) for zoom in (1, 2))
    assert np.linalg.norm(near - place) == pytest.approx(np.linalg.norm(far - place) / 2)
