"""The viewer in the browser: served to this machine, looked at in Chromium."""
from __future__ import annotations

import socket
import sys
from dataclasses import replace

import numpy as np
import pytest

from browser import CHROMIUM, REASON, Page
from sparse3d.apis.frame_mistakes import with_mistakes
from sparse3d.errors import BackendUnavailable, ConfigError
from sparse3d.visualization.colors import DARK
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.live_viewer import LiveViewer
from sparse3d.visualization.viewer_state import ViewerState

BOXES = np.array([[12.0, 3, -1.7, 4, 2, 1.6, 0.4, 5, 0], [20, -5, -1.7, 4, 2, 1.6, 2.0, 0, 0]])


def frame(number: int) -> Frame:
    points = np.random.default_rng(number).uniform([-20, -20, -1.8, 0], [40, 20, -1.6, 1], (900, 4))
    return Frame(f'lot_{number}', points, ('Car', '<b>Van'), Boxes(BOXES[:1], np.array([0])),
                 Boxes(BOXES[1:], np.array([1]), np.array([0.62])))


@pytest.fixture
def viewer():
    pytest.importorskip('viser', reason='viser is not installed')
    made = LiveViewer(ViewerState(frame, 3), port=0)
    yield made
    made.stop()


def names(viewer):
    return sorted(handle.name for handle in viewer._shown)


def test_controls_change_what_is_shown(viewer):
    assert '/detections/0/name' in names(viewer) and '/points' in names(viewer)
    assert 'lot_0' in viewer.summary.content
    viewer.state.score_threshold = 0.7
    viewer.update()
    assert not any('detections' in name for name in names(viewer))
    viewer.state.toggle('points')
    viewer.state.step(1)
    viewer.update()
    assert '/points' not in names(viewer) and 'lot_1' in viewer.summary.content


def test_a_click_on_a_box_shows_its_numbers_as_text(viewer):
    shown = frame(0)
    viewer.pick('detections', shown, shown.detections, 0)
    assert '&lt;b&gt;Van, score 0.62' in viewer.picked.content
    assert '4.00 x 2.00 x 1.60 m' in viewer.picked.content


def test_only_this_machine_can_look(viewer):
    with socket.create_connection(('127.0.0.1', viewer.port), 5):
        pass
    assert viewer.server.get_host() == '127.0.0.1'


def test_a_port_that_is_taken_is_named(viewer):
    with pytest.raises(ConfigError, match=f'127.0.0.1:{viewer.port}'):
        LiveViewer(ViewerState(frame, 3), port=viewer.port)
    with pytest.raises(ConfigError, match='99999'):
        LiveViewer(ViewerState(frame, 3), port=99999)


def test_without_the_package_the_way_out_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'viser', None)
    with pytest.raises(BackendUnavailable, match='pip install viser'):
        LiveViewer(ViewerState(frame, 1))


@pytest.mark.skipif(CHROMIUM is None, reason=REASON)
def test_a_browser_shows_boxes_where_the_camera_sees_them(viewer, tmp_path):
    with Page(f'http://127.0.0.1:{viewer.port}', 1000, 700) as page:
        page.wait('!!document.querySelector("canvas") && document.body.innerText.includes("lot_0")')
        camera = wait_for_camera(viewer)
        corner = BOXES[1, :3] + [2 * np.cos(2.0), 2 * np.sin(2.0), 0]      # on its heading mark
        color = np.round(255 * np.array(DARK.classes[1]))
        for _ in range(40):                                                # it moves to its place
            x, y = map(round, pixel(camera, corner, 1000, 700))
            image = page.screenshot(tmp_path / 'a.png').astype(int)
            part = image[max(y - 6, 0):y + 7, max(x - 6, 0):x + 7]
            if (np.abs(part - color).max(axis=-1) < 70).sum() > 3:
                break
        else:
            raise AssertionError(f'no box at {x}, {y}')
        assert len(np.unique(image.reshape(-1, 3), axis=0)) > 100
        x, y = pixel(camera, BOXES[1, :3] + [0, 0, 0.8], 1000, 700)
        page.click(x, y)                                                   # a real mouse
        page.wait('document.body.innerText.includes("<b>Van, score 0.62")')
        assert '4.00 x 2.00 x 1.60 m' in page.evaluate('document.body.innerText')
        viewer.frame_slider.value = 2
        page.wait('document.body.innerText.includes("lot_2")')
        assert [error for error in page.errors if 'favicon' not in error] == []


def wait_for_camera(viewer):
    import time
    for _ in range(200):
        for client in viewer.server.get_clients().values():
            if client.camera.update_timestamp:
                return client.camera
        time.sleep(0.05)
    raise AssertionError('no browser has come')


def pixel(camera, place, width, height):
    """Where viser's camera (looking along z, y down) sees a place."""
    w, x, y, z = camera.wxyz
    turn = np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                     [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                     [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])
    seen = turn.T @ (np.asarray(place) - camera.position)
    focal = height / 2 / np.tan(camera.fov / 2)
    return width / 2 + focal * seen[0] / seen[2], height / 2 + focal * seen[1] / seen[2]


def test_tracks_and_importance_are_layers(monkeypatch):
    pytest.importorskip('viser', reason='viser is not installed')
    trail = ((0, np.array([[0.0, 0, 0], [5, 0, 0], [9, 1, 0]])), )

    def tracked(number):
        made = frame(number)
        return replace(made, trails=trail, importance=np.linspace(0, 1, 900), detections=replace(
            made.detections, track_ids=np.array([7])))
    viewer = LiveViewer(ViewerState(tracked, 1, color_by='importance'), port=0)
    try:
        assert '/tracks' in names(viewer)
        assert viewer.state.coloring(viewer.state.frame) == 'importance'
        assert viewer.state.coloring(frame(0)) == 'height'      # which knows no importance
        label = next(each for each in viewer._shown if each.name == '/detections/0/name')
        assert label.text == '<b>Van #7 0.62'
        viewer.state.toggle('tracks')
        viewer.update()
        assert '/tracks' not in names(viewer)
    finally:
        viewer.stop()


def test_mistakes_are_a_layer_that_follows_the_threshold():
    pytest.importorskip('viser', reason='viser is not installed')
    viewer = LiveViewer(ViewerState(frame, 1, judge=with_mistakes), port=0)
    try:
        def labels():
            return sorted(handle.text for handle in viewer._shown if hasattr(handle, 'text'))
        assert labels() == ['false: <b>Van 0.62', 'missed: Car']
        assert '1 labeled' in viewer.summary.content
        viewer.state.score_threshold = 0.7
        viewer.update()
        assert labels() == ['missed: Car']
        viewer.state.score_threshold = 0.3
        viewer.layers['mistakes'].value = False
        viewer.state.toggle('mistakes') if 'mistakes' in viewer.state.shown else None
        viewer.update()
        assert labels() == ['<b>Van 0.62']
    finally:
        viewer.stop()
