"""Walking through frames: the state by hand, the window on a virtual display."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

from sparse3d.errors import BackendUnavailable
from sparse3d.visualization.colored_points import IN_NO_BOX, colored_points
from sparse3d.visualization.colors import class_color
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.viewer import Viewer
from sparse3d.visualization.viewer_state import ViewerState, box_at

BOX = [10, 2, -1, 4, 2, 1.6, np.pi / 2, 3, 4]


def frame(number: int) -> Frame:
    points = np.array([[10, 2, 0, 0.5], [30, 0, -1, 0.2]], np.float32)
    truth = Boxes(np.array([BOX]), np.array([0]))
    found = Boxes(np.array([BOX, [20, 0, -1, 4, 2, 1.6, 0, 0, 0]]), np.array([1, 0]),
                  np.array([0.9, 0.2]))
    return Frame(f'frame {number}', points, ('Car', 'Van'), truth, found)


@pytest.fixture
def state():
    loaded = []
    result = ViewerState(lambda index: loaded.append(index) or frame(index), 3)
    result.loaded = loaded
    return result


def names(state):
    return [item['name'] for item in state.geometries()]


def test_frames_are_loaded_once_and_the_ends_are_ends(state):
    state.step(-1)
    assert state.frame.name == 'frame 0'
    state.step(1)
    state.step(5)
    assert state.frame.name == 'frame 2' and state.index == 2
    state.go(0)
    assert state.frame.name == 'frame 0' and state.loaded == [0, 2]


def test_layers_and_score_decide_what_is_drawn(state):
    assert names(state) == ['distances', 'points', 'ground truth Car', 'detected Van', 'velocities']
    state.score_threshold = 0.1
    assert 'detected Car' in names(state)
    for layer in ('ground truth', 'points', 'velocities'):
        state.toggle(layer)
    assert names(state) == ['distances', 'detected Car', 'detected Van']
    state.toggle('points')
    assert 'points' in names(state)


def test_an_object_is_missed_where_the_threshold_hides_what_found_it(state):
    made = frame(0)
    truth = replace(made.ground_truth, kinds=np.array(['found']), found_by=np.array([0.9]))
    state = ViewerState(lambda index: replace(made, ground_truth=truth), 1)
    assert state.frame.ground_truth.kinds.tolist() == ['found']
    state.score_threshold = 0.95
    assert state.frame.ground_truth.kinds.tolist() == ['missed']


def test_a_picked_box_tells_its_numbers(state):
    text = state.pick((10.9, 3.5, -0.2))  # along y: the box is turned by 90 degrees
    assert text.startswith('detected Van, score 0.90')
    assert '4.00 x 2.00 x 1.60 m' in text and 'yaw 90.0 degrees' in text
    assert '5.0 m/s' in text and '10.2 m away, 1 points' in text
    state.toggle('detections')
    assert state.pick((10, 2, 0)).startswith('labeled Car\n')
    assert state.pick((25, 0, 0)) is None


def test_the_nearest_of_two_boxes_is_picked():
    boxes = Boxes(np.array([[0, 0, 0, 4, 4, 2, 0], [1, 0, 0, 4, 4, 2, 0.0]]), np.zeros(2, int))
    assert box_at(boxes, np.array([1.2, 0, 1])) == 1 and box_at(boxes, np.array([-1.5, 0, 1])) == 0
    assert box_at(Boxes(np.zeros((0, 7)), np.zeros(0, int)), np.zeros(3)) is None


def test_points_by_class_and_colorings_that_points_lack(state):
    colors = colored_points(frame(0), 'class')
    np.testing.assert_allclose(colors, [class_color(1), IN_NO_BOX])
    state.color_by = 'time'
    assert state.coloring(state.frame) == 'height'


def test_without_a_display_the_way_out_is_named(state, monkeypatch):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    with pytest.raises(BackendUnavailable, match='--recording'):
        Viewer(state)


PROGRAM = textwrap.dedent("""
    import sys
    sys.path.insert(0, sys.argv[1])
    from test_viewer import frame
    from sparse3d.visualization.viewer import Viewer
    from sparse3d.visualization.viewer_state import ViewerState
    viewer = Viewer(ViewerState(frame, 3))
    tick = viewer.application.run_one_tick
    for _ in range(5):
        tick()
    viewer._changed(viewer.state.step, 1)
    viewer._changed(viewer.state.toggle, 'detections')
    for _ in range(5):
        tick()
    assert viewer._summary.text.startswith('frame frame 1'), viewer._summary.text
    assert not viewer._boxes['detections'].checked and viewer._slider.int_value == 1
    assert not viewer._scene.scene.has_geometry('detected Van')
    assert viewer._scene.scene.has_geometry('ground truth Car')
    from types import SimpleNamespace as Event
    key = viewer._gui.KeyName
    for name in (key.UP, key.UP, key.LEFT, key.P, key.C):
        assert viewer._on_key(Event(type=viewer._gui.KeyEvent.Type.DOWN, key=name))
    assert viewer.state.score_threshold == 0.4 == viewer._score.double_value
    assert viewer.state.index == 0 and viewer.state.color_by == 'intensity'
    assert not viewer._scene.scene.has_geometry('points')
    print('keys')
    viewer.window.close()
    tick()
    print('walked')
""")


@pytest.mark.skipif(shutil.which('xvfb-run') is None, reason='Xvfb is not installed')
def test_the_window_on_a_virtual_display():
    done = subprocess.run(
        ['xvfb-run', '-a', sys.executable, '-c', PROGRAM, os.path.dirname(__file__)],
        capture_output=True, text=True, timeout=180, stdin=subprocess.DEVNULL)
    assert 'keys' in done.stdout and 'walked' in done.stdout, (
        done.stdout[-2000:] + done.stderr[-2000:])
