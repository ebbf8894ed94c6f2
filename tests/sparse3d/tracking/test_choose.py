"""Trackers by name."""
from __future__ import annotations

import pytest

from sparse3d.errors import ConfigError
from sparse3d.tracking import TRACKERS, DepthCascadeTracker, make_tracker
from sparse3d_cli import track


def test_options_by_name():
    tracker = make_tracker('depth_cascade', dict(levels=5, max_lost=2))
    assert isinstance(tracker, DepthCascadeTracker)
    assert (tracker.options.levels, tracker.options.max_lost) == (5, 2)


@pytest.mark.parametrize(('options', 'words'), [
    (dict(levels=2.5), 'levels of the tracker depth_cascade is 2.5; a int is needed'),
    (dict(report_lost='yes'), "report_lost of the tracker depth_cascade is 'yes'; a bool"),
    (dict(max_lost=True), 'max_lost of the tracker depth_cascade is True'),
    (dict(depth=2), "has no option 'depth'")])
def test_options_that_are_none(options, words):
    with pytest.raises(ConfigError, match=words):
        make_tracker('depth_cascade', options)


def test_the_command_line_offers_all():
    assert set(track.TRACKERS) == set(TRACKERS)
