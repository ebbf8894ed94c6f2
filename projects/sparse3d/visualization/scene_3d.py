"""The scene in three dimensions with open3d: pictures without a display, or a window."""
from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from sparse3d.errors import BackendUnavailable
from sparse3d.visualization.bev_view import points_extent, reach_of, ring_radii
from sparse3d.visualization.box_lines import box_corners, box_segments, dashed, velocity_marks
from sparse3d.visualization.canvas import Canvas
from sparse3d.visualization.colored_points import colored_points
from sparse3d.visualization.display import has_display
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.legend import (
    label_text,
    labeled_rows,
    legend_lines,
    mistake_marks,
)
from sparse3d.visualization.placed_labels import Label
from sparse3d.visualization.skeleton_lines import skeleton_segments
from sparse3d.visualization.style import DEFAULT, Style
from sparse3d.visualization.viewpoint import ground_height, viewpoint

FIELD_OF_VIEW = 45.0                                  # degrees, vertical


class SceneRenderer:
    """Renders frames with open3d's offscreen renderer; one instance serves many frames.

    Several of one size cost no more than one; of several sizes each change costs a second.

    Args:
        size: width and height of the pictures in pixels; default: the style's.
        style: of the pictures.

    Raises:
        BackendUnavailable: if open3d cannot render here, with the remedy.
    """

    def __init__(self, size: tuple[int, int] | None = None, style: Style = DEFAULT) -> None:
        problem = rendering_problem()
        if problem is not None:
            raise BackendUnavailable(problem)
        self.style, self.size = style, size or style.size

    def draw(self, frame: Frame, path: str | os.PathLike, color_by: str | None = None) -> None:
        """Render a frame into a file, with title, legend, class names, scores and distances.

        Raises:
            DataError: if the file cannot be written.
        """
        self.canvas(frame, color_by=color_by).save(path)

    def canvas(self, frame: Frame, size: tuple[int, int] | None = None, with_header: bool = True,
               color_by: str | None = None) -> Canvas:
        """The picture that :meth:`draw` writes, or one of another size and the same shape."""
        style = self.style if color_by is None else replace(self.style, color_by=color_by)
        renderer = _native_renderer(self.size)
        scene = renderer.scene
        # Colors as they were given: without tone mapping, and with the background
        # encoded as open3d will decode it.
        scene.view.set_post_processing(False)
        scene.set_background([*(to_srgb(c) for c in style.theme.background), 1.0])
        scene.clear_geometry()
        for item in scene_geometries(frame, style):
            scene.add_geometry(item['name'], item['geometry'], item['material'])
        # after the geometry, whose extent decides what is too far to be drawn
        eye, look_at, up = viewpoint(style, frame, self.size[0] / self.size[1])
        renderer.setup_camera(FIELD_OF_VIEW, look_at, eye, up)
        with _native_output_hidden():
            image = np.asarray(renderer.render_to_image()).copy()
        self._matrix = (np.asarray(scene.camera.get_projection_matrix())
                        @ np.asarray(scene.camera.get_view_matrix()))
        scene.clear_geometry()
        size = size or self.size
        if size != self.size:
            image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
        canvas = Canvas(size, style, image)
        if with_header:
            canvas.legend(legend_lines(frame, style), canvas.title(frame.summary(), 12), 10)
        self._write_labels(canvas, frame)
        return canvas

    def _write_labels(self, canvas: Canvas, frame: Frame) -> None:
        style, ground = canvas.style, ground_height(frame.points)
        rings = ring_radii(reach_of(points_extent(frame.points, frame.ground_truth,
                                                  frame.detections)))
        top = max(box[3] for box in [*canvas.taken, (0,) * 4])
        for radius in rings:
            pixel = self._project(_on_ring(radius, ground), canvas.size)
            if pixel is not None and pixel[1] > top + 14 and 20 < pixel[0] < canvas.size[0] - 20:
                canvas.taken.append((pixel[0] - 20, pixel[1] - 14, pixel[0] + 20, pixel[1]))
                canvas.axes.text(*pixel, f'{radius} m', color=style.theme.text, alpha=0.6,
                                 fontsize=9, ha='center', va='bottom', path_effects=style.halo,
                                 clip_on=True)
        for boxes, rows, marker in mistake_marks(frame):
            seen = [self._seen(boxes.boxes[row], canvas.size) for row in rows]
            canvas.marks(np.array([part[0] for part in seen if part is not None]).reshape(-1, 2),
                         marker)
        labels = []
        for boxes, rows in labeled_rows(frame):
            colors, strong = style.box_colors(frame, boxes), boxes.mistakes()
            for row in rows:
                seen = self._seen(boxes.boxes[row], canvas.size)
                if seen is not None:
                    labels.append(Label(label_text(frame, boxes, row), *seen[:1], colors[row],
                                        seen[1], bool(strong[row])))
        canvas.labels(labels, 9)

    def _seen(self, box: np.ndarray, size: tuple[int, int]) -> tuple[
            tuple[float, float], tuple[float, float]] | None:
        """Middle and half the size in pixels of what is seen of a box; None outside."""
        if self._project((*box[:2], box[2] + box[5] / 2), size) is None:
            return None
        corners = np.concatenate([box_corners(box[None])[0], np.ones((8, 1))], axis=1)
        x, y, _, w = self._matrix @ corners.T
        if (w <= 0).any():      # partly behind the eye
            return None
        u = np.clip((x / w + 1) / 2 * size[0], 0, size[0])
        v = np.clip((1 - y / w) / 2 * size[1], 0, size[1])
        return ((float(u.min() + u.max()) / 2, float(v.min() + v.max()) / 2),
                (float(np.ptp(u)) / 2 + 2, float(np.ptp(v)) / 2 + 1))

    def _project(self, position: tuple, size: tuple[int, int]) -> tuple[float, float] | None:
        """Pixel of a point in space, or None outside the picture."""
        x, y, _, w = self._matrix @ (*position, 1.0)
        if w <= 0 or abs(x) > w or abs(y) > w:
            return None
        return (x / w + 1) / 2 * size[0], (1 - y / w) / 2 * size[1]


def show_scene(frame: Frame, style: Style = DEFAULT) -> None:
    """Open a window with a frame and wait until it is closed.

    Raises:
        BackendUnavailable: if there is no display.
    """
    if not has_display():
        raise BackendUnavailable('there is no display to open a window on; '
                                 'write pictures instead, or set DISPLAY')
    import open3d
    found = frame.detections

    def write_scores(window: Any) -> None:
        for box, label, score in zip(found.boxes, found.labels, found.scores, strict=True):
            window.add_3d_label((box[0], box[1], box[2] + box[5]),
                                f'{frame.class_name(label)} {score:.2f}')

    eye, look_at, up = viewpoint(style, frame)
    open3d.visualization.draw(
        scene_geometries(frame, style), title=frame.summary(), show_skybox=False,
        bg_color=(*style.theme.background, 1.0), lookat=look_at, eye=eye,
        up=up, field_of_view=FIELD_OF_VIEW,
        on_init=write_scores if found is not None else None)


def scene_geometries(frame: Frame, style: Style = DEFAULT) -> list[dict[str, Any]]:
    """What open3d draws: dicts with ``name``, ``geometry`` and ``material``.

    Points by the style; ground truth dashed, detections solid, both in the colors of their
    classes; the line on the ground of a box points ahead, another shows its way in the next
    second; circles of distance. Skeletons of people as
    :func:`~sparse3d.visualization.skeleton_lines.skeleton_segments` colors them.
    """
    items = [_rings(frame, style)]
    if len(frame.points):
        items.append(_point_item(frame, style))
    for kind, boxes in (('ground truth', frame.ground_truth), ('detected', frame.detections)):
        if boxes is None:
            continue
        if boxes.track_ids is not None and len(boxes):
            items.append(_track_item(f'{kind} tracks', frame, boxes, style))
            continue
        for label in sorted(set(boxes.labels.tolist())):
            segments = box_segments(boxes.boxes[boxes.labels == label])
            truth = boxes.scores is None
            items.append(line_item(
                f'{kind} {frame.class_name(label)}', dashed(segments) if truth else segments,
                style.color(frame, label), 3.5 if truth else 2.5))
    moving = [velocity_marks(boxes.boxes) for boxes in (frame.ground_truth, frame.detections)
              if boxes is not None and len(boxes)]
    if sum(map(len, moving)):
        items.append(line_item('velocities', dashed(np.concatenate(moving), 0.15, 0.25),
                               style.theme.text, 2.0))
    trails, owners = frame.trail_segments()
    if len(trails):
        colors = np.array(style.trail_colors(frame))[owners]
        items.append(line_item('trails', trails, colors, 4.0))
    return items + _skeleton_items(frame)


def _track_item(name: str, frame: Frame, boxes: Boxes, style: Style) -> dict[str, Any]:
    """Boxes of identities: each has a color of its own."""
    segments = [box_segments(box[None]) for box in boxes.boxes]
    if boxes.scores is None:
        segments = [dashed(part) for part in segments]
    colors = np.repeat(np.array(style.box_colors(frame, boxes)), [len(part) for part in segments],
                       axis=0)
    return line_item(name, np.concatenate(segments), colors, 2.5)


_RENDERERS: dict[tuple[int, int], Any] = {}     # one at most


def _native_renderer(size: tuple[int, int]) -> Any:
    """open3d's own renderer; two of them in one process end it, so that one makes way."""
    if size not in _RENDERERS:
        from open3d.visualization import rendering
        _RENDERERS.clear()
        gc.collect()
        with _native_output_hidden():
            _RENDERERS[size] = rendering.OffscreenRenderer(*size)
    return _RENDERERS[size]


@cache
def rendering_problem() -> str | None:
    """Why open3d cannot render here, in one sentence, or None if it can.

    Tried in a process of its own, since missing drivers may end the process.
    """
    program = ('from open3d.visualization.rendering import OffscreenRenderer as R; '
               'R(32, 32).render_to_image()')
    try:
        done = subprocess.run([sys.executable, '-c', program], capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return 'open3d did not render within two minutes'
    if done.returncode == 0:
        return None
    return ('open3d cannot render here; "apt-get install libvulkan1 mesa-vulkan-drivers '
            'libusb-1.0-0 libgl1 libgomp1" is what it needs on Debian and Ubuntu, and '
            '"sparse3d doctor" tells more')


def _point_item(frame: Frame, style: Style) -> dict[str, Any]:
    import open3d
    cloud = open3d.geometry.PointCloud(_vectors(frame.points[:, :3]))
    cloud.colors = _vectors(colored_points(frame, style.color_by, style.theme))
    material = open3d.visualization.rendering.MaterialRecord()
    material.shader, material.point_size = 'defaultUnlit', style.point_size
    return {'name': 'points', 'geometry': cloud, 'material': material}


def _skeleton_items(frame: Frame) -> list[dict[str, Any]]:
    items = []
    for name, boxes, is_gt in (('labeled joints', frame.ground_truth, True),
                               ('detected joints', frame.detections, False)):
        if boxes is not None and boxes.joints is not None and len(boxes):
            segments, colors = skeleton_segments(boxes.joints, boxes.visibility, is_gt)
            if len(segments):
                items.append(line_item(name, segments, colors, 3.0))
    return items


def _rings(frame: Frame, style: Style) -> dict[str, Any]:
    angles = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners = np.concatenate([circle[:-1, None], circle[1:, None]], axis=1)
    height = np.full((180, 2, 1), ground_height(frame.points))
    radii = ring_radii(reach_of(points_extent(frame.points, frame.ground_truth, frame.detections)))
    segments = [np.concatenate([radius * corners, height], axis=2) for radius in radii]
    return line_item('distances', np.concatenate(segments), style.theme.ring, 1.0)


def _on_ring(radius: float, height: float) -> tuple[float, float, float]:
    """Where the distance is written: to the left, off the road."""
    angle = np.deg2rad(43)
    return radius * float(np.cos(angle)), radius * float(np.sin(angle)), height


def line_item(name: str, segments: np.ndarray, color: tuple | np.ndarray,
              width: float) -> dict[str, Any]:
    """Line segments (S, 2, 3) of one color, or (S, 3) colors, as open3d draws them."""
    import open3d
    lines = np.arange(2 * len(segments)).reshape(-1, 2)
    geometry = open3d.geometry.LineSet(
        _vectors(segments.reshape(-1, 3)), open3d.utility.Vector2iVector(lines))
    geometry.colors = _vectors(np.broadcast_to(color, (len(segments), 3)).copy())
    material = open3d.visualization.rendering.MaterialRecord()
    material.shader, material.line_width = 'unlitLine', width
    return {'name': name, 'geometry': geometry, 'material': material}


def to_srgb(linear: float) -> float:
    """What open3d, without tone mapping, shows as it was given."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _vectors(rows: np.ndarray) -> Any:
    import open3d
    return open3d.utility.Vector3dVector(np.ascontiguousarray(rows, dtype=np.float64))


@contextmanager
def _native_output_hidden() -> Iterator[None]:
    """Keep what the renderer's C++ prints on every start off the console."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with open(os.devnull, 'wb') as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept[0], 1)
            os.dup2(kept[1], 2)
            os.close(kept[0])
            os.close(kept[1])
