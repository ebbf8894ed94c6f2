"""How many frames a segment has."""
from __future__ import annotations

import pytest

from sparse3d.datasets.waymo.simulate.options import WaymoOptions


@pytest.mark.parametrize(('seconds', 'rate', 'frames'), [
    (20, 10, 200), (0.1, 10, 1), (0.25, 10, 2), (2.3, 10, 23), (1.1, 10, 11), (4.1, 10, 41),
    (8.2, 5, 41), (1.0, 0.1, 1), (33, 0.7, 23),
    (590, 0.1, 59), (12.5, 9.2, 115), (15.0, 8.2, 123), (360.0, 0.7, 252)])
def test_rounding_takes_no_frame_away(seconds, rate, frames):
    assert WaymoOptions(seconds=seconds, frame_rate=rate).frames == frames
