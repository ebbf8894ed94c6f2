"""Classes are told apart with every sight, on both grounds."""
from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from color_vision import SIGHTS, ciede2000, lab, nearest_pair, seen_as
from sparse3d.visualization.colors import DARK, LIGHT, class_color, class_colors, track_color

BOUND = 12.0
ARGOVERSE2 = (
    'REGULAR_VEHICLE', 'PEDESTRIAN', 'BOLLARD', 'CONSTRUCTION_CONE', 'CONSTRUCTION_BARREL',
    'STOP_SIGN', 'BICYCLE', 'LARGE_VEHICLE', 'WHEELED_DEVICE', 'BUS', 'BOX_TRUCK', 'SIGN', 'TRUCK',
    'MOTORCYCLE', 'BICYCLIST', 'VEHICULAR_TRAILER', 'TRUCK_CAB', 'MOTORCYCLIST', 'DOG',
    'SCHOOL_BUS', 'WHEELED_RIDER', 'STROLLER', 'ARTICULATED_BUS', 'MESSAGE_BOARD_TRAILER',
    'MOBILE_PEDESTRIAN_SIGN', 'WHEELCHAIR')
# Test data of Sharma et al., table 1: two colors and their difference.
PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425), ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.5, 0), (73, 25, -18), 27.1492), ((60.2574, -34.0099, 36.2677),
                                             (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082)]


@pytest.mark.parametrize('one, other, apart', PUBLISHED)
def test_the_difference_is_the_published_one(one, other, apart):
    assert ciede2000(np.array(one, float), np.array(other, float)) == pytest.approx(apart, abs=1e-4)


def test_red_and_green_look_alike_without_green_cones():
    red_and_green = [(0.80, 0.30, 0.25), (0.45, 0.50, 0.20)]
    assert nearest_pair(red_and_green, 'deuteranopia') < nearest_pair(red_and_green, 'normal') / 2


@pytest.mark.parametrize('sight', SIGHTS)
@pytest.mark.parametrize('theme', [DARK, LIGHT], ids=lambda theme: theme.name)
def test_ten_classes_are_told_apart(theme, sight):
    assert len(theme.classes) == 10
    assert nearest_pair(theme.classes, sight) >= BOUND


@pytest.mark.parametrize('sight', SIGHTS)
@pytest.mark.parametrize('theme', [DARK, LIGHT], ids=lambda theme: theme.name)
def test_classes_stand_out_from_the_ground(theme, sight):
    ground = lab(seen_as(np.array(theme.background), sight))
    assert (ciede2000(lab(seen_as(np.array(theme.classes), sight)), ground) > 20).all()


def test_few_classes_go_by_number_and_many_by_what_they_are():
    assert class_colors(['a', 'b']) == [class_color(0), class_color(1)]
    colors = dict(zip(ARGOVERSE2, class_colors(ARGOVERSE2), strict=True))
    assert colors['BUS'] == colors['SCHOOL_BUS'] == colors['ARTICULATED_BUS']
    assert colors['SIGN'] == colors['MOBILE_PEDESTRIAN_SIGN'] != colors['PEDESTRIAN']
    assert colors['BICYCLE'] != colors['BICYCLIST'] == colors['WHEELED_RIDER']
    assert colors['TRUCK'] == colors['TRUCK_CAB'] == colors['LARGE_VEHICLE'] \
        != colors['REGULAR_VEHICLE']
    assert len(set(colors.values())) == 10


def test_an_identity_has_one_color_and_its_neighbors_have_others():
    assert track_color(12) == track_color('12') and track_color('uuid') == track_color('uuid')
    for theme in (DARK, LIGHT):
        colors = np.array([track_color(number, theme) for number in range(30)])
        assert ((colors >= 0) & (colors <= 1)).all()
        assert min(np.abs(one - other).max() for one, other in pairwise(colors)) > .25
        assert np.abs(colors - theme.background).max(axis=1).min() > .3
