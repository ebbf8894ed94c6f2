"""A drive that is repeated goes on where it ended."""
from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mcap', reason='mcap is not installed (extra recordings)')
pytest.importorskip('rosbags', reason='rosbags is not installed (extra recordings)')

from recorded_drive import simple_drive
from sparse3d.recordings.left_out import LeftOut
from sparse3d.recordings.message_types import Decoder
from sparse3d.recordings.reading import read_messages
from sparse3d.recordings.transform_tree import nanoseconds

TOOL = Path(__file__).resolve().parents[2] / 'tools/measure_recording.py'


def test_time_and_place_go_on(tmp_path):
    source = simple_drive().write(tmp_path / 'drive.mcap')
    runpy.run_path(str(TOOL))['repeat'](source, tmp_path / 'long.mcap', 3)
    decoder = Decoder(LeftOut())
    made = [(raw.channel.topic, decoder.decode(raw))
            for raw in read_messages(tmp_path / 'long.mcap', LeftOut())]
    once = sum(1 for _ in read_messages(source, LeftOut()))
    assert len(made) == 3 * once
    poses = [each.transforms[0] for topic, each in made if topic == '/tf']
    times = np.array([nanoseconds(each.header.stamp) for each in poses])
    places = np.array([each.transform.translation.x for each in poses])
    order = np.argsort(times)
    assert np.diff(times[order]).min() > 0
    assert np.diff(places[order]).min() > -1e-6 and np.diff(places[order]).max() < .11
    stamps = [nanoseconds(each.header.stamp) for topic, each in made if topic == '/lidar/points']
    assert len(set(stamps)) == 15
