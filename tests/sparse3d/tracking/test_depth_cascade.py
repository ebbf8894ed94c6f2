"""Levels of depth, pseudo-depths, and a crowd in which they help."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.errors import ConfigError, DataError
from sparse3d.tracking.depth_cascade import (
    DepthCascadeOptions,
    DepthCascadeTracker,
    depth_levels,
    pseudo_depths,
    published_levels,
)


def test_levels_are_of_equal_width_the_nearest_first():
    assert depth_levels(np.array([30., 1, 11, 20.9, 31]), 3).tolist() == [2, 0, 1, 1, 2]
    assert depth_levels(np.array([5., 5]), 3).tolist() == [0, 0]
    assert depth_levels(np.zeros(0), 3).tolist() == []


def test_published_levels_have_a_pixel_more():
    assert published_levels(np.array([0., 3.6, 3.7, 7.4, 10]), 3).tolist() == [0, 0, 1, 2, 2]
    assert published_levels(np.array([0., 1.]), 3).tolist() == [0, 1]  # two pixels: two levels
    assert published_levels(np.array([7.]), 3).tolist() == [0]


def test_what_stands_lower_in_the_picture_is_nearer():
    boxes = np.array([[0, 0, 10, 500.], [0, 0, 10, 900]])
    assert pseudo_depths(boxes).tolist() == [1500, 1100]
    assert pseudo_depths(boxes, height=1000).tolist() == [500, 100]
    with pytest.raises(DataError, match=r'\(N, 4\) is needed'):
        pseudo_depths(np.zeros((2, 5)))


def test_near_objects_keep_their_tracks_when_a_far_one_would_lower_the_sum():
    tracker = DepthCascadeTracker(DepthCascadeOptions(levels=2))
    cost = np.array([[.5, .2], [.4, .9]])  # near track, far track; near detection, far detection
    depths = np.array([1.0, 9.0])
    found = tracker.associate(cost, 1.0, depths, depths, first=True)
    assert sorted(zip(*(part.tolist() for part in found), strict=True)) == [(0, 0), (1, 1)]
    flat = DepthCascadeTracker(DepthCascadeOptions(levels=1)).associate(
        cost, 1.0, depths, depths, first=True)
    assert sorted(zip(*(part.tolist() for part in flat), strict=True)) == [(0, 1), (1, 0)]


def test_there_is_at_least_one_level():
    with pytest.raises(ConfigError, match='levels is 0'):
        DepthCascadeOptions(levels=0)
