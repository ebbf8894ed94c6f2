"""Whether a window can open: a display that is named has to answer.

``DISPLAY`` outlives what it names (an ``ssh -X`` that was cut, a session of tmux). open3d then
says that it has no X11, makes a window that nobody sees, and waits for it to be closed.
"""
from __future__ import annotations

import os
import re
import socket
import sys
from pathlib import Path

_X11_SOCKETS = '/tmp/.X11-unix'
_X11_PORT = 6000
_SECONDS = 2.0  # to wait for a display on another machine


def has_display() -> bool:
    """Whether a window can be expected to open."""
    if sys.platform in ('win32', 'darwin'):
        return True
    return _wayland_answers(os.environ.get('WAYLAND_DISPLAY', '')) or \
        x11_answers(os.environ.get('DISPLAY', ''))


def x11_answers(display: str) -> bool:
    """Whether something listens at an X11 display, ``host:number.screen``."""
    found = re.fullmatch(r'(?:[a-z]+/)?(.*):(\d+)(?:\.\d+)?', display)
    if not found:
        return False
    host, number = found[1], int(found[2])
    if host not in ('', 'unix'):
        return _connects(socket.AF_INET, (host, _X11_PORT + number))
    path = f'{_X11_SOCKETS}/X{number}'
    return _connects(socket.AF_UNIX, path) or (
        sys.platform == 'linux' and _connects(socket.AF_UNIX, f'\0{path}'))


def _wayland_answers(display: str) -> bool:
    if not display:
        return False
    return _connects(socket.AF_UNIX, str(Path(os.environ.get('XDG_RUNTIME_DIR', '/')) / display))


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    try:
        if family == socket.AF_INET:
            socket.create_connection(address, _SECONDS).close()
            return True
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(address)
            return True
    except (OSError, OverflowError):
        return False
