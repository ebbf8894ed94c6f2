"""Displays that are named and do not answer count as none."""
from __future__ import annotations

import socket
import sys

import pytest

from sparse3d.errors import BackendUnavailable
from sparse3d.visualization import display
from sparse3d.visualization.viewer import Viewer
from sparse3d.visualization.viewer_state import ViewerState

pytestmark = pytest.mark.skipif(sys.platform in ('win32', 'darwin'), reason='no X11 or Wayland')


@pytest.fixture
def no_display(monkeypatch, tmp_path):
    monkeypatch.delenv('DISPLAY', raising=False)
    monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
    monkeypatch.setenv('XDG_RUNTIME_DIR', str(tmp_path))
    monkeypatch.setattr(display, '_X11_SOCKETS', str(tmp_path))
    return tmp_path


def listen(path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


@pytest.mark.parametrize('name', [
    '', ':77', ':77.0', 'unix:77', 'localhost:977.0', 'nonsense', ':x', ':99999999'])
def test_a_dead_display_is_none(no_display, monkeypatch, name):
    monkeypatch.setenv('DISPLAY', name)
    assert not display.has_display()
    with pytest.raises(BackendUnavailable, match='nothing answers'):
        Viewer(ViewerState(lambda index: None, 1))


def test_a_display_that_answers_is_one(no_display, monkeypatch):
    monkeypatch.setenv('DISPLAY', ':77')
    with listen(no_display / 'X77'):
        assert display.has_display()
    assert not display.has_display()  # the socket's file is still there


def test_wayland(no_display, monkeypatch):
    monkeypatch.setenv('WAYLAND_DISPLAY', 'wayland-0')
    assert not display.has_display()
    with listen(no_display / 'wayland-0'):
        assert display.has_display()


def test_a_display_on_another_machine(no_display, monkeypatch):
    with socket.create_server(('127.0.0.1', 0)) as server:
        monkeypatch.setattr(display, '_X11_PORT', server.getsockname()[1] - 10)
        assert display.x11_answers('127.0.0.1:10.0')
    assert not display.x11_answers('127.0.0.1:10.0')
