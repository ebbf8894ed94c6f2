"""A viewer in the browser for whole data sets and streams, served by this machine with viser.

Nothing leaves the machine by default: it listens at 127.0.0.1 only. Over SSH, forward the port:
``ssh -L 8080:localhost:8080 MACHINE``.
"""
from __future__ import annotations

import html
import socket
import threading
from dataclasses import replace
from typing import Any

import numpy as np

from sparse3d.errors import BackendUnavailable, ConfigError
from sparse3d.visualization.box_lines import box_segments, dashed, velocity_marks
from sparse3d.visualization.colored_points import COLORINGS, colored_points
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.legend import label_text
from sparse3d.visualization.scene_3d import FIELD_OF_VIEW
from sparse3d.visualization.viewer_state import (
    LAYERS,
    MISTAKES,
    TRACKS,
    ViewerState,
    describe_box,
)
from sparse3d.visualization.viewpoint import viewpoint

LOCAL = '127.0.0.1'
MAX_POINTS = 300_000    # of a frame that go over the line
LINE = 2.0              # pixels


class LiveViewer:
    """The server and its controls; what it shows is in its :class:`ViewerState`.

    Args:
        state: frames and what is shown of them.
        host: address to listen at; the default is for this machine alone.
        port: to listen at, 0 for any that is free.

    Raises:
        BackendUnavailable: without the package viser.
        ConfigError: if the port is taken, or no address of this machine is meant.
    """

    def __init__(self, state: ViewerState, host: str = LOCAL, port: int = 8080) -> None:
        viser = _viser()
        _refuse_taken(host, port)
        self.state = state
        self.server = viser.ViserServer(host=host, port=port, label='Sparse3D', verbose=False)
        self.port = self.server.get_port()
        self._lock = threading.RLock()
        self._shown: list[Any] = []
        self._theme = state.style.theme
        self.server.gui.configure_theme(dark_mode=self._theme.name == 'dark', show_logo=False,
                                        show_share_button=False)
        self.server.scene.set_up_direction('+z')
        ground = np.tile(np.round(255 * np.array(self._theme.background)), (2, 2, 1))
        self.server.scene.set_background_image(ground.astype(np.uint8), format='png')
        camera = self.server.initial_camera
        camera.position, camera.look_at, _ = viewpoint(state.style, state.frame)
        camera.fov = float(np.deg2rad(FIELD_OF_VIEW))
        self._add_controls()
        self.update()

    def run(self) -> None:
        """Serve until the process is interrupted."""
        self.server.sleep_forever()

    def stop(self) -> None:
        """End the server."""
        self.server.stop()

    def update(self) -> None:
        """Show the state anew to all who look."""
        with self._lock, self.server.atomic():
            for handle in reversed(self._shown):    # what hangs on a box before the box
                handle.remove()
            self._shown = []
            frame = self.state.frame
            self.summary.content = _text(frame.summary())
            self._add_points(frame)
            for name, boxes in (('ground truth', frame.ground_truth),
                                ('detections', frame.detections)):
                if boxes is not None and len(boxes):
                    self._add_boxes(name, frame, boxes)
            self._add_trails(frame)
            self._show_pictures(frame)

    def pick(self, kind: str, frame: Frame, boxes: Boxes, row: int) -> None:
        """Show the numbers of a box."""
        self.picked.content = _text(f'{kind}: {describe_box(frame, boxes, row)}')

    def _add_controls(self) -> None:
        gui, state = self.server.gui, self.state
        self.summary = gui.add_html('')
        last = max(state.count - 1, 1)
        self.frame_slider = gui.add_slider('frame', 0, last, 1, state.index)
        self.score_slider = gui.add_slider('score from', 0.0, 1.0, 0.01, state.score_threshold)
        self.coloring = gui.add_dropdown('points by', COLORINGS, initial_value=state.color_by)
        before, after = gui.add_button('previous'), gui.add_button('next')
        self.layers = {layer: gui.add_checkbox(layer, layer in state.shown)
                       for layer in (*LAYERS, TRACKS, *self._judged())}
        self.picked = gui.add_html(_text('click on a box: its numbers'))
        self._pictures: list[Any] = []

        def when(handle: Any, change: Any) -> None:
            @handle.on_update
            def _(_: Any) -> None:
                with self._lock:
                    change(handle.value)
                    self.update()
        when(self.frame_slider, state.go)
        when(self.score_slider, lambda value: setattr(state, 'score_threshold', value))
        when(self.coloring, lambda value: setattr(state, 'color_by', value))
        for layer, box in self.layers.items():
            when(box, lambda value, layer=layer: value != (layer in state.shown)
                 and state.toggle(layer))
        for button, by in ((before, -1), (after, 1)):
            button.on_click(lambda _, by=by: self._step(by))

    def _judged(self) -> tuple[str, ...]:
        return () if self.state.judge is None else (MISTAKES,)

    def _step(self, by: int) -> None:
        with self._lock:
            self.state.step(by)
            self.frame_slider.value = self.state.index      # which draws it

    def _add_points(self, frame: Frame) -> None:
        if 'points' not in self.state.shown or not len(frame.points):
            return
        colors = colored_points(frame, self.state.coloring(frame), self._theme)
        rows = np.arange(len(frame.points))
        if len(rows) > MAX_POINTS:
            rows = np.random.default_rng(0).choice(rows, MAX_POINTS, replace=False)
        self._shown.append(self.server.scene.add_point_cloud(
            '/points', frame.points[rows, :3].astype(np.float32),
            _bytes(colors[rows]), point_size=0.03 * self.state.style.point_size,
            point_shading='flat'))

    def _add_boxes(self, name: str, frame: Frame, boxes: Boxes) -> None:
        scene, truth = self.server.scene, boxes.scores is None
        colors = np.array(self.state.style.colors(frame, boxes.labels))
        parts = [box_segments(box[None]) for box in boxes.boxes]
        parts = [dashed(part) for part in parts] if truth else parts
        owners = np.repeat(np.arange(len(boxes)), [len(part) for part in parts])
        self._lines(f'/{name}/lines', np.concatenate(parts), colors[owners])
        moving = velocity_marks(boxes.boxes)
        if 'velocities' in self.state.shown and len(moving):
            marks = dashed(moving, 0.15, 0.25)
            self._lines(f'/{name}/velocities', marks,
                        np.tile(self._theme.text, (len(marks), 1)))
        for row, box in enumerate(boxes.boxes):
            half = box[6] / 2
            solid = scene.add_box(
                f'/{name}/{row}', _bytes(colors[row])[0], box[3:6].astype(float), opacity=0.06,
                wxyz=(np.cos(half), 0, 0, np.sin(half)), cast_shadow=False, receive_shadow=False,
                position=box[:3] + [0, 0, box[5] / 2])
            solid.on_click(lambda _, row=row: self.pick(name, frame, boxes, row))
            text = label_text(frame, boxes if TRACKS in self.state.shown else replace(
                boxes, track_ids=None), row)
            self._shown += [solid]
            if not truth or boxes.mistakes()[row]:
                self._shown.append(scene.add_label(
                    f'/{name}/{row}/name', text, position=(0, 0, box[5] / 2 + 0.3),
                    anchor='bottom-center'))

    def _add_trails(self, frame: Frame) -> None:
        trails = [(label, places) for label, places in frame.trails if len(places) > 1]
        if TRACKS not in self.state.shown or not trails:
            return
        parts = [np.stack([places[:-1], places[1:]], axis=1) for _, places in trails]
        colors = np.array(self.state.style.colors(frame, np.array([label for label, _ in trails])))
        owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        self._lines('/tracks', np.concatenate(parts), colors[owners])

    def _lines(self, name: str, segments: np.ndarray, colors: np.ndarray) -> None:
        # viser takes colors of lines, not those of points, as linear
        linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
        pairs = np.repeat(_bytes(linear)[:, None], 2, axis=1)
        self._shown.append(self.server.scene.add_line_segments(
            name, segments.astype(np.float32), pairs, thickness=LINE, thickness_units='screen'))

    def _show_pictures(self, frame: Frame) -> None:
        from sparse3d.visualization.camera_overlay import camera_canvas, resized
        for handle in self._pictures:
            handle.remove()
        self._pictures = [self.server.gui.add_image(
            camera_canvas(frame, resized(picture, 480), self.state.style, False).array(),
            label=picture.name, format='jpeg') for picture in frame.pictures]


def _viser() -> Any:
    try:
        import viser
    except ImportError as error:
        raise BackendUnavailable('the viewer in the browser needs viser; install it with "pip '
                                 'install viser" (it is in the extra "view"); "visualize --html" '
                                 'writes a page without it') from error
    return viser


def _refuse_taken(host: str, port: int) -> None:
    """viser would silently take the next port, which nobody then opens."""
    try:
        with socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except (OSError, OverflowError) as error:
        raise ConfigError(f'the viewer cannot listen at {host}:{port} '
                          f'({getattr(error, "strerror", None) or error}); choose another --port, '
                          f'or end what listens there') from error


def _text(text: str) -> str:
    """What the browser shows as it is."""
    return f'<pre style="white-space:pre-wrap;margin:6px 12px">{html.escape(text)}</pre>'


def _bytes(colors: np.ndarray) -> np.ndarray:
    return np.round(255 * np.asarray(colors)).astype(np.uint8).reshape(-1, 3)
