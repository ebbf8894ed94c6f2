from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparse3d.errors import ConfigError
from sparse3d.visualization.colors import LIGHT, track_color
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.style import Style


def test_what_the_command_line_brings():
    style = Style.named('light', '640X480', view='top', zoom=2)
    assert style.theme is LIGHT and style.size == (640, 480) and style.view == 'top'


@pytest.mark.parametrize('options, message', [
    (dict(theme='blue'), "no theme 'blue'; there are dark, light"),
    (dict(size='640'), "the size '640' is none; write it as 1600x900"),
    (dict(size='640x-480'), 'write it as'), (dict(size='640x20'), '640 x 20 pixels'),
    (dict(view='side'), "no view 'side'; there are behind"), (dict(zoom=0), 'zoom is 0'),
    (dict(point_size=float('nan')), 'point_size is nan')])
def test_what_no_picture_can_have(options, message):
    with pytest.raises(ConfigError, match=message):
        Style.named(**options)


def test_tracks_are_colored_by_identity_and_others_by_class():
    boxes = Boxes(np.zeros((2, 7)), np.zeros(2, int), np.ones(2), track_ids=np.array([3, 9]))
    frame = Frame('f', np.zeros((0, 4)), ('car',), detections=boxes,
                  trails=((0, np.zeros((3, 3))),))
    style = Style()
    assert style.box_colors(frame, boxes) == [track_color(3), track_color(9)]
    bare = replace(boxes, track_ids=None)
    assert style.box_colors(frame, bare) == style.colors(frame, bare.labels)
    assert style.trail_colors(frame) == [style.color(frame, 0)]
    assert style.trail_colors(replace(frame, trail_ids=('9',))) == [track_color(9)]
    segments, owners = frame.trail_segments()
    assert segments.shape == (2, 2, 3) and owners.tolist() == [0, 0]
