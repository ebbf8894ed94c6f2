"""A window to walk through frames: slider and keys, layers, camera image, picking.

Right and left arrow: next and previous frame. Up and down arrow: score threshold by 0.05.
P, G, D, V, S: points, ground truth, detections, velocities, skeletons. C: next coloring.
Ctrl and click on a box: its numbers.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sparse3d.errors import BackendUnavailable
from sparse3d.visualization.camera_overlay import camera_canvas, resized
from sparse3d.visualization.colored_points import COLORINGS
from sparse3d.visualization.display import has_display
from sparse3d.visualization.frame import Frame
from sparse3d.visualization.scene_3d import FIELD_OF_VIEW, to_srgb
from sparse3d.visualization.style import DEFAULT, Style
from sparse3d.visualization.viewer_state import LAYERS, ViewerState
from sparse3d.visualization.viewpoint import viewpoint

PANEL_WIDTH = 24    # in ems
SCORE_STEP = 0.05
KEYS = dict(zip('pgdvs', LAYERS, strict=True))


class Viewer:
    """The window; everything that it shows is in its :class:`ViewerState`.

    Args:
        state: frames and what is shown of them.
        title: of the window.

    Raises:
        BackendUnavailable: if there is no display.
    """

    def __init__(self, state: ViewerState, title: str = 'Sparse3D') -> None:
        if not has_display():
            raise BackendUnavailable('there is no display to open a window on (DISPLAY is not set, '
                                     'or nothing answers there); write pictures or a --recording '
                                     'instead, or set DISPLAY')
        from open3d.visualization import gui, rendering
        self.state, self._gui, self._rendering = state, gui, rendering
        self.application = gui.Application.instance
        self.application.initialize()
        self.window = self.application.create_window(title, 1440, 860)
        self._scene = gui.SceneWidget()
        self._scene.scene = rendering.Open3DScene(self.window.renderer)
        # colors as they were given, as in pictures
        self._scene.scene.view.set_post_processing(False)
        self._scene.scene.set_background([*map(to_srgb, state.style.theme.background), 1.0])
        self._panel = gui.Vert(4, gui.Margins(10, 10, 10, 10))
        self._fill_panel()
        self.window.add_child(self._scene)
        self.window.add_child(self._panel)
        self.window.set_on_layout(self._layout)
        self.window.set_on_key(self._on_key)
        self._scene.set_on_mouse(self._on_mouse)
        self.update()
        eye, look_at, up = viewpoint(state.style, state.frame)
        self._scene.setup_camera(FIELD_OF_VIEW, self._scene.scene.bounding_box, look_at)
        self._scene.look_at(look_at, eye, up)

    def run(self) -> None:
        """Stay open until the window is closed."""
        self.application.run()

    def update(self) -> None:
        """Draw the state anew."""
        scene = self._scene.scene
        scene.clear_geometry()
        for item in self.state.geometries():
            scene.add_geometry(item['name'], item['geometry'], item['material'])
        frame = self.state.frame
        self._summary.text = frame.summary()
        self._slider.int_value = self.state.index
        self._score.double_value = self.state.score_threshold
        for layer, box in self._boxes.items():
            box.checked = layer in self.state.shown
        self._color.selected_text = self.state.color_by
        picture = camera_picture(frame, self.state.style)
        if picture is not None:
            self._picture.update_image(self._image(picture))
        self.window.post_redraw()

    def _fill_panel(self) -> None:
        gui = self._gui
        self._summary = gui.Label('')
        self._slider = gui.Slider(gui.Slider.INT)
        self._slider.set_limits(0, max(self.state.count - 1, 1))
        self._slider.set_on_value_changed(lambda value: self._changed(self.state.go, int(value)))
        self._score = gui.Slider(gui.Slider.DOUBLE)
        self._score.set_limits(0, 1)
        self._score.double_value = self.state.score_threshold
        self._score.set_on_value_changed(self._set_score)
        self._color = gui.Combobox()
        for name in COLORINGS:
            self._color.add_item(name)
        self._color.set_on_selection_changed(lambda name, _: self._set_color(name))
        self._boxes = {}
        for layer in LAYERS:
            self._boxes[layer] = gui.Checkbox(layer)
            self._boxes[layer].set_on_checked(
                lambda _, layer=layer: self._changed(self.state.toggle, layer))
        self._picked = gui.Label('ctrl + click on a box: its numbers')
        self._picture = gui.ImageWidget()
        for widget in (self._summary, gui.Label('frame'), self._slider, gui.Label('score from'),
                       self._score, gui.Label('points by'), self._color, *self._boxes.values(),
                       self._picked, self._picture):
            self._panel.add_child(widget)

    def _layout(self, context: Any) -> None:
        area, width = self.window.content_rect, PANEL_WIDTH * self.window.theme.font_size
        self._scene.frame = self._gui.Rect(area.x, area.y, area.width - width, area.height)
        self._panel.frame = self._gui.Rect(area.get_right() - width, area.y, width, area.height)

    def _changed(self, change: Callable, *arguments: Any) -> None:
        change(*arguments)
        self.update()

    def _set_score(self, score: float) -> None:
        self.state.score_threshold = score
        self.update()

    def _set_color(self, name: str) -> None:
        self.state.color_by = name
        self.update()

    def _on_key(self, event: Any) -> bool:
        gui = self._gui
        if event.type != gui.KeyEvent.Type.DOWN:
            return False
        if event.key in (gui.KeyName.RIGHT, gui.KeyName.LEFT):
            self._changed(self.state.step, 1 if event.key == gui.KeyName.RIGHT else -1)
            return True
        if event.key in (gui.KeyName.UP, gui.KeyName.DOWN):
            by = SCORE_STEP if event.key == gui.KeyName.UP else -SCORE_STEP
            self._set_score(round(min(max(self.state.score_threshold + by, 0), 1), 2))
            return True
        code = int(event.key)
        name = chr(code) if 0 < code < 128 else ''
        if name in KEYS:
            self._changed(self.state.toggle, KEYS[name])
        elif name == 'c':
            place = COLORINGS.index(self.state.color_by)
            self._set_color(COLORINGS[(place + 1) % len(COLORINGS)])
        else:
            return False
        return True

    def _on_mouse(self, event: Any) -> Any:
        gui = self._gui
        if event.type != gui.MouseEvent.Type.BUTTON_DOWN \
                or not event.is_modifier_down(gui.KeyModifier.CTRL):
            return gui.Widget.EventCallbackResult.IGNORED
        x, y = event.x - self._scene.frame.x, event.y - self._scene.frame.y
        self._scene.scene.scene.render_to_depth_image(lambda depth: self._pick(depth, x, y))
        return gui.Widget.EventCallbackResult.HANDLED

    def _pick(self, depth: Any, x: int, y: int) -> None:
        depth = np.asarray(depth)
        if not (0 <= y < depth.shape[0] and 0 <= x < depth.shape[1]) or depth[y, x] == 1.0:
            return
        position = self._scene.scene.camera.unproject(
            x, y, depth[y, x], self._scene.frame.width, self._scene.frame.height)
        text = self.state.pick(position) or 'no box there'

        def write() -> None:
            self._picked.text = text
            self.window.set_needs_layout()
        print(text)
        self.application.post_to_main_thread(self.window, write)

    def _image(self, picture: np.ndarray) -> Any:
        import open3d
        return open3d.geometry.Image(np.ascontiguousarray(picture))


def camera_picture(frame: Frame, style: Style = DEFAULT) -> np.ndarray | None:
    """The camera images with their boxes below each other, (H, W, 3), or None."""
    pictures = [camera_canvas(frame, resized(picture, 640), style, with_header=False).array()
                for picture in frame.pictures]
    return np.concatenate(pictures) if pictures else None
