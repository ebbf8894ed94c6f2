"""The scene in three dimensions with open3d: pictures without a display, or a window."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from sparse3d.errors import BackendUnavailable
from sparse3d.visualization.bev_view import HALO, legend_lines
from sparse3d.visualization.box_lines import box_segments
from sparse3d.visualization.colored_points import colored_points
from sparse3d.visualization.colors import BACKGROUND, GROUND_TRUTH, TEXT, class_color
from sparse3d.visualization.display import has_display
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.picture_files import as_text, image_figure, save_figure
from sparse3d.visualization.skeleton_lines import skeleton_segments

EYE, LOOK_AT = (-13.0, 0.0, 10.0), (18.0, 0.0, -2.0)  # meters, from behind and above the sensor
FIELD_OF_VIEW = 45.0                                  # degrees, vertical
RINGS = (10, 20, 30, 40, 50, 60)                      # meters from the sensor


class SceneRenderer:
    """Renders frames with open3d's offscreen renderer; one instance serves many frames.

    Args:
        size: width and height of the pictures in pixels.

    Raises:
        BackendUnavailable: if open3d cannot render here, with the remedy.
    """

    def __init__(self, size: tuple[int, int] = (1600, 900)) -> None:
        problem = rendering_problem()
        if problem is not None:
            raise BackendUnavailable(problem)
        from open3d.visualization import rendering
        with _native_output_hidden():
            self._renderer = rendering.OffscreenRenderer(*size)
        # Colors as they were given: without tone mapping, and with the background
        # encoded as open3d will decode it.
        self._renderer.scene.view.set_post_processing(False)
        self._renderer.scene.set_background([*(_srgb(c) for c in BACKGROUND), 1.0])

    def draw(self, frame: Frame, path: str | os.PathLike, color_by: str = 'height') -> None:
        """Render a frame into a file, with title, legend, scores and distances.

        Raises:
            DataError: if the file cannot be written.
        """
        scene = self._renderer.scene
        scene.clear_geometry()
        for item in scene_geometries(frame, color_by):
            scene.add_geometry(item['name'], item['geometry'], item['material'])
        # after the geometry, whose extent decides what is too far to be drawn
        self._renderer.setup_camera(FIELD_OF_VIEW, LOOK_AT, EYE, (0, 0, 1))
        with _native_output_hidden():
            image = np.asarray(self._renderer.render_to_image()).copy()
        figure, axes = image_figure(image)
        self._write_labels(axes, frame, image.shape[1], image.shape[0])
        save_figure(figure, path, dots_per_inch=100)

    def _write_labels(self, axes: Axes, frame: Frame, width: int, height: int) -> None:
        axes.text(14, 14, as_text(frame.summary()), color=TEXT, fontsize=12, va='top')
        axes.legend(handles=legend_lines(frame), loc='upper right', fontsize=10,
                    facecolor=BACKGROUND, edgecolor=(*TEXT, 0.3), labelcolor=TEXT)
        ground = ground_height(frame.points)
        texts = [(_on_ring(radius, ground), f'{radius} m', TEXT, 0.6) for radius in RINGS]
        found = frame.detections
        if found is not None:
            texts += [((*box[:2], box[2] + box[5] + 0.4), f'{score:.2f}', class_color(label), 1)
                      for box, label, score in
                      zip(found.boxes, found.labels, found.scores, strict=True)]
        for position, text, color, alpha in texts:
            pixel = self._project(position, width, height)
            if pixel is not None:
                axes.text(*pixel, text, color=color, alpha=alpha, fontsize=10, ha='center',
                          va='bottom', path_effects=HALO)

    def _project(self, position: tuple, width: int, height: int) -> tuple[float, float] | None:
        """Pixel of a point in space, or None outside the picture."""
        camera = self._renderer.scene.camera
        matrix = np.asarray(camera.get_projection_matrix()) @ np.asarray(camera.get_view_matrix())
        x, y, _, w = matrix @ (*position, 1.0)
        if w <= 0 or abs(x) > w or abs(y) > w:
            return None
        return (x / w + 1) / 2 * width, (1 - y / w) / 2 * height


def show_scene(frame: Frame, color_by: str = 'height') -> None:
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

    open3d.visualization.draw(
        scene_geometries(frame, color_by), title=frame.summary(), show_skybox=False,
        bg_color=(*BACKGROUND, 1.0), lookat=np.array(LOOK_AT), eye=np.array(EYE),
        up=np.array([0.0, 0.0, 1.0]), field_of_view=FIELD_OF_VIEW,
        on_init=write_scores if found is not None else None)


def scene_geometries(frame: Frame, color_by: str = 'height') -> list[dict[str, Any]]:
    """What open3d draws: dicts with ``name``, ``geometry`` and ``material``.

    Points by ``color_by``; ground truth green, detections in the colors of their
    classes; the line on the ground of a box points ahead; circles every 10 m. Skeletons of
    people as :func:`~sparse3d.visualization.skeleton_lines.skeleton_segments` colors them.
    """
    items = [_rings(frame)]
    if len(frame.points):
        items.append(_point_item(frame, color_by))
    if frame.ground_truth is not None and len(frame.ground_truth):
        items.append(line_item('ground truth', box_segments(frame.ground_truth.boxes),
                                GROUND_TRUTH, 4.0))
    if frame.detections is not None:
        for label in sorted(set(frame.detections.labels.tolist())):
            items.append(_detection_item(frame, frame.detections, label))
    return items + _skeleton_items(frame)


def ground_height(points: np.ndarray) -> float:
    """A height near the ground under the sensor in meters; -1.7 without points."""
    near = points[np.hypot(points[:, 0], points[:, 1]) < 20]
    return float(np.percentile(near[:, 2], 5)) if len(near) else -1.7


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


def _point_item(frame: Frame, color_by: str) -> dict[str, Any]:
    import open3d
    cloud = open3d.geometry.PointCloud(_vectors(frame.points[:, :3]))
    cloud.colors = _vectors(colored_points(frame, color_by))
    material = open3d.visualization.rendering.MaterialRecord()
    material.shader, material.point_size = 'defaultUnlit', 2.2
    return {'name': 'points', 'geometry': cloud, 'material': material}


def _detection_item(frame: Frame, detections: Boxes, label: int) -> dict[str, Any]:
    segments = box_segments(detections.boxes[detections.labels == label])
    return line_item(f'detected {frame.class_name(label)}', segments, class_color(label), 2.5)


def _skeleton_items(frame: Frame) -> list[dict[str, Any]]:
    items = []
    for name, boxes, is_gt in (('labeled joints', frame.ground_truth, True),
                               ('detected joints', frame.detections, False)):
        if boxes is not None and boxes.joints is not None and len(boxes):
            segments, colors = skeleton_segments(boxes.joints, boxes.visibility, is_gt)
            if len(segments):
                items.append(line_item(name, segments, colors, 3.0))
    return items


def _rings(frame: Frame) -> dict[str, Any]:
    angles = np.linspace(0, 2 * np.pi, 181)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    corners = np.concatenate([circle[:-1, None], circle[1:, None]], axis=1)
    height = np.full((180, 2, 1), ground_height(frame.points))
    segments = [np.concatenate([radius * corners, height], axis=2) for radius in RINGS]
    return line_item('distances', np.concatenate(segments), (0.17, 0.19, 0.24), 1.0)


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


def _srgb(linear: float) -> float:
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
