"""All of a frame in one picture: cameras in their places, from above, in three dimensions."""
from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from sparse3d.visualization.bev_view import bev_canvas
from sparse3d.visualization.camera_overlay import camera_canvas, resized
from sparse3d.visualization.canvas import Canvas
from sparse3d.visualization.frame import Frame, Picture
from sparse3d.visualization.legend import legend_lines
from sparse3d.visualization.scene_3d import SceneRenderer
from sparse3d.visualization.style import DEFAULT, Style

WIDTH = 1920            # pixels of a composed picture of the usual size
FRONT = np.deg2rad(104) # cameras that look further to the side than this look back
HEADER = 87             # pixels of title and legend at least: two lines, in every frame of a video
GAP = 4                 # pixels between cameras
TALLER = 1.5            # times the lowest row: two cameras do not fill the page beside five
TALL = 0.46             # of the width: no row of cameras is higher


def camera_rows(pictures: Sequence[Picture]) -> list[list[Picture]]:
    """Cameras as one sees them from the vehicle: ahead from left to right, then back.

    The second row has what is to the left at the left. Where several cameras look the same way
    (a stereo pair beside a ring), the pair goes to the second row. Places follow from the
    directions in which the cameras look, not from their names.
    """
    directions = {picture.name: looking_at(picture) for picture in pictures}
    ahead = [picture for picture in pictures if abs(directions[picture.name]) <= FRONT]
    back = [picture for picture in pictures if abs(directions[picture.name]) > FRONT]
    pair = [picture for picture in ahead if 'stereo' in picture.name.lower()]
    if len(pair) < len(ahead):
        ahead, back = [picture for picture in ahead if picture not in pair], back + pair

    def across(picture: Picture) -> float:
        angle = directions[picture.name]
        return angle % (2 * np.pi) if picture not in pair else np.pi - angle
    rows = [sorted(ahead, key=lambda picture: -directions[picture.name]), sorted(back, key=across)]
    return [row for row in rows if row]


def looking_at(picture: Picture) -> float:
    """Angle in radians of a camera's view from ahead, positive to the left, in -pi..pi."""
    x, y = picture.lidar2img[2, :2]
    return float(np.arctan2(y, x))


def compose(frame: Frame, renderer: SceneRenderer | None = None,
            style: Style = DEFAULT, width: int = WIDTH) -> np.ndarray:
    """The picture of a frame.

    Args:
        renderer: of the 3D view, or None to leave that out.
        width: in pixels; the height follows and is even, as videos want it.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    header = Canvas((width, 200), style)
    top = int(header.legend(legend_lines(frame, style), header.title(frame.summary(), 13), 10)) + 2
    parts = [header.array()[:max(top, HEADER)]]
    rows = camera_rows(frame.pictures)
    most = round(TALLER * min((_row_height(row, width) for row in rows), default=0))
    for row in rows:
        parts.append(camera_row(frame, row, style, width, most))
    below = round(width * (0.40 if frame.pictures else 0.55))
    parts.append(_scene_row(frame, renderer, style, width, below))
    picture = np.concatenate(parts)
    odd = len(picture) % 2
    return np.concatenate([picture, picture[-1:]]) if odd else picture


def draw_composed(frame: Frame, path: str | os.PathLike, renderer: SceneRenderer | None = None,
                  style: Style = DEFAULT, width: int = WIDTH) -> None:
    """Write the composed picture of a frame as a PNG file.

    Raises:
        DataError: if the file cannot be written.
    """
    write_image(compose(frame, renderer, style, width), path)


def write_image(image: np.ndarray, path: str | os.PathLike) -> None:
    """Write (H, W, 3) uint8 RGB as a PNG file, in as few colors as are not missed."""
    import io

    from sparse3d.visualization.picture_files import write_picture
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format='png', optimize=True)
    write_picture(path, buffer)


def camera_row(frame: Frame, row: list[Picture], style: Style, width: int,
               most: int | None = None) -> np.ndarray:
    """Cameras side by side with the boxes on them, as high as they can be together.

    Args:
        most: pixels that they are not higher than.

    Returns:
        (H, width, 3) uint8 RGB.
    """
    aspects = _aspects(row)
    height = min(_row_height(row, width), most or width)
    panels = [camera_canvas(frame, resized(picture, max(int(height * aspect), 1)), style,
                            with_header=False).array()
              for picture, aspect in zip(row, aspects, strict=True)]
    canvas = _empty(height + GAP, width, style)
    left = max(width - sum(panel.shape[1] + GAP for panel in panels) + GAP, 0) // 2
    for panel in panels:
        rows = min(height, len(panel))
        canvas[:rows, left:left + panel.shape[1]] = panel[:rows]
        left += panel.shape[1] + GAP
    return canvas


def _aspects(row: list[Picture]) -> list[float]:
    return [picture.image.shape[1] / picture.image.shape[0] for picture in row]


def _row_height(row: list[Picture], width: int) -> int:
    return min(int((width - GAP * (len(row) - 1)) / sum(_aspects(row))), int(width * TALL))


def _scene_row(frame: Frame, renderer: SceneRenderer | None, style: Style, width: int,
               height: int) -> np.ndarray:
    if renderer is None:
        return bev_canvas(frame, style, (width, height), with_header=False).array()
    wide = min(round(height * renderer.size[0] / renderer.size[1]), round(width * 0.62))
    scene = renderer.canvas(frame, (wide, round(wide * renderer.size[1] / renderer.size[0])),
                            with_header=False).array()[:height]
    bev = bev_canvas(frame, style, (width - wide, height), with_header=False).array()
    canvas = _empty(height, width, style)
    canvas[:, :width - wide] = bev
    top = (height - len(scene)) // 2
    canvas[top:top + len(scene), width - wide:] = scene
    return canvas


def _empty(height: int, width: int, style: Style) -> np.ndarray:
    color = np.round(255 * np.array(style.theme.background)).astype(np.uint8)
    return np.broadcast_to(color, (height, width, 3)).copy()
