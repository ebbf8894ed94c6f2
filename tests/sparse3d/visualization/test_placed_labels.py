"""Labels: none over another, none out of the picture, none lost without a word."""
from __future__ import annotations

import numpy as np
import pytest

from sparse3d.visualization.canvas import Canvas
from sparse3d.visualization.placed_labels import Label, place_labels, readable_on, text_size
from sparse3d.visualization.style import Style


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.mark.parametrize('count', [1, 40, 400])
def test_labels_keep_clear_of_each_other_and_of_the_edges(count):
    made = np.random.default_rng(count)
    anchors, title = made.uniform(-20, [420, 320], (count, 2)), (0, 0, 400, 30)
    places = place_labels(anchors, np.full((count, 2), 6.0), np.full((count, 2), [60.0, 12.0]),
                          (400, 300), [title])
    kept = [place for place in places if place is not None]
    assert len(kept) >= min(count, 30)
    for row, place in enumerate(kept):
        assert place[0] >= 0 and place[1] >= 0 and place[2] <= 400 and place[3] <= 300
        assert not any(overlap(place, other) for other in [title, *kept[:row]])


def test_the_first_label_has_the_place_above():
    place, other = place_labels(np.array([[100.0, 100], [100, 100]]), np.full((2, 2), 5.0),
                                np.full((2, 2), [40.0, 10.0]), (200, 200))
    assert place == (80, 85, 120, 95) and not overlap(place, other)


def test_text_is_measured():
    assert text_size('car 0.95', 8, 100)[0] > text_size('car', 8, 100)[0] > 10
    assert text_size('car', 16, 100)[1] > 1.5 * text_size('car', 8, 100)[1]


def test_what_finds_no_room_is_counted():
    canvas = Canvas((100, 40), Style())
    labels = [Label('construction vehicle', (50, 20), (1, 1, 1))] * 5
    left_out = canvas.labels(labels)
    assert left_out > 0
    assert any(f'{left_out} labels without room' == text.get_text() for text in canvas.axes.texts)


def test_strong_labels_choose_first_and_stand_out():
    canvas = Canvas((110, 30), Style())
    canvas.labels([Label('car 0.90', (55, 25), (1, 0.5, 0)),
                   Label('missed: car', (55, 25), (1, 0.5, 0), strong=True)])
    written = {text.get_text(): text for text in canvas.axes.texts}
    assert 'missed: car' in written
    assert written['missed: car'].get_bbox_patch().get_facecolor()[:3] == (1, 0.5, 0)
    assert written['missed: car'].get_color() == (0, 0, 0)


@pytest.mark.parametrize('color, expected', [
    ((1, 0.9, 0), (0, 0, 0)), ((0.2, 0.1, 0.5), (1, 1, 1))])
def test_text_is_read_on_any_color(color, expected):
    assert readable_on(color) == expected


def test_what_lies_outside_is_not_counted_as_without_room():
    canvas = Canvas((200, 100), Style())
    assert canvas.labels([Label('car', (250, 50), (1, 1, 1)), Label('bus', (50, -9), (1, 1, 1)),
                          Label('van', (50, 50), (1, 1, 1))]) == 0
    assert [text.get_text() for text in canvas.axes.texts] == ['van']
