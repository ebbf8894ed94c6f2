"""The scene from above, with matplotlib."""
from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.collections import LineCollection

from sparse3d.structures.box_geometry import bev_corners
from sparse3d.visualization.box_lines import heading_marks, velocity_marks
from sparse3d.visualization.canvas import MARGIN, Canvas
from sparse3d.visualization.colored_points import colored_points
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.legend import (
    DASHES,
    label_text,
    labeled_rows,
    legend_lines,
    mistake_marks,
)
from sparse3d.visualization.placed_labels import Label
from sparse3d.visualization.skeleton_lines import skeleton_segments
from sparse3d.visualization.style import DEFAULT, Style

Extent = tuple[float, float, float, float]
FRAME = 34      # pixels left of and below the ground, for the numbers
RING_LABELS = np.deg2rad([46, 30, 18, 9, 120, 150])   # to the right of ahead
MOST_RINGS = 10
NUMBER_ROOM = 42    # pixels from one number to the next
LEAST_WIDTH, MOST_WIDTH = 0.72, 1.7     # of the height


@dataclass(frozen=True)
class Ground:
    """The ground in a picture: x (forward) up, y (left) to the left.

    Attributes:
        extent: x_min, y_min, x_max, y_max in meters.
        left: pixel u of y_max.
        top: pixel v of x_max.
        scale: pixels per meter.
    """

    extent: Extent
    left: float
    top: float
    scale: float

    def pixels(self, xy: np.ndarray) -> np.ndarray:
        """(..., 2) pixels u, v of (..., >=2) meters x, y."""
        return np.stack([self.left + (self.extent[3] - xy[..., 1]) * self.scale,
                         self.top + (self.extent[2] - xy[..., 0]) * self.scale], axis=-1)


def draw_bev(
        frame: Frame,
        path: str | os.PathLike,
        view_range: Extent | None = None,
        color_by: str | None = None,
        style: Style = DEFAULT,
        mark: np.ndarray | None = None,
) -> None:
    """Draw points, ground truth and detections from above into a file.

    x (forward) points up and y (left) to the left, as one looks ahead. Ground truth is dashed,
    detections are solid, both in the colors of their classes. A dotted line shows where a box
    goes in the next second, if its velocity is known. The kind of file (PNG, PDF, SVG) follows
    from the name.

    Args:
        frame: what to draw.
        path: the file to write.
        view_range: x_min, y_min, x_max, y_max in meters; default: where points and boxes are.
        color_by: in place of the style's.
        style: of the picture.
        mark: (2,) x, y of a place that a circle is drawn around.

    Raises:
        DataError: if the file cannot be written.
    """
    style = style if color_by is None else replace(style, color_by=color_by)
    bev_canvas(frame, style, view_range=view_range, mark=mark).save(path)


def bev_canvas(frame: Frame, style: Style = DEFAULT, size: tuple[int, int] | None = None,
               view_range: Extent | None = None, with_header: bool = True,
               mark: np.ndarray | None = None) -> Canvas:
    """The picture that :func:`draw_bev` writes.

    Args:
        size: in pixels; default: as high as the style's pictures, as wide as the ground.
        with_header: with title and legend.
        mark: see :func:`draw_bev`.
    """
    canvas, ground = ground_canvas(frame, style, size, view_range, with_header)
    _draw_points(canvas, frame, ground)
    for boxes in (frame.ground_truth, frame.detections):
        if boxes is not None and len(boxes):
            add_outlines(canvas, ground, boxes.boxes, style.box_colors(frame, boxes),
                         dashed=boxes.scores is None)
    _draw_trails(canvas, frame, ground)
    if mark is not None:
        canvas.axes.scatter(*ground.pixels(np.asarray(mark, np.float64)[None]).T, s=3600, zorder=4,
                            facecolors='none', edgecolors=[style.theme.text], linewidths=1.6)
    _draw_skeletons(canvas, frame, ground)
    for boxes, rows, marker in mistake_marks(frame):
        canvas.marks(ground.pixels(boxes.boxes[rows, :2]), marker)
    canvas.labels(_labels(frame, ground, style), bottom=FRAME + 2)
    return canvas


def ground_canvas(frame: Frame, style: Style, size: tuple[int, int] | None = None,
                  view_range: Extent | None = None, with_header: bool = True,
                  handles: list | None = None) -> tuple[Canvas, Ground]:
    """An empty ground with rings, numbers and, by wish, title and legend.

    Args:
        handles: of the legend, in place of the usual ones.
    """
    extent = view_range or zoomed(points_extent(frame.points, frame.ground_truth,
                                                frame.detections), style.zoom)
    long, wide = extent[2] - extent[0], extent[3] - extent[1]
    if size is None:
        height = style.size[1]
        size = (round(height * float(np.clip(wide / long, LEAST_WIDTH, MOST_WIDTH))), height)
    canvas, top = Canvas(size, style), float(MARGIN)
    if with_header:
        top = canvas.title(frame.summary())
        top = canvas.legend(legend_lines(frame, style) if handles is None else handles, top)
    room = size[0] - FRAME - MARGIN, size[1] - top - FRAME
    scale = min(room[0] / wide, room[1] / long)
    more = (room[0] / scale - wide) / 2, (room[1] / scale - long) / 2   # fill the picture
    extent = (extent[0] - more[1], extent[1] - more[0], extent[2] + more[1], extent[3] + more[0])
    ground = Ground(extent, FRAME, top, scale)
    _draw_rings(canvas, ground)
    _draw_numbers(canvas, ground)
    canvas.axes.scatter(*ground.pixels(np.zeros((1, 2))).T, marker='^', s=70,
                        color=[style.theme.text], zorder=5)
    u, v = ground.pixels(np.zeros(2))
    canvas.taken.append((u - 7, v - 7, u + 7, v + 7))
    clip_header(canvas, top)
    return canvas, ground


def points_extent(points: np.ndarray, *boxes: Boxes | None) -> Extent:
    """x_min, y_min, x_max, y_max of nearly all points, all boxes and the sensor, in meters."""
    xy = np.vstack([points[:, :2], [[-5, -10], [30, 10]]])
    xy = xy[np.isfinite(xy).all(axis=1)]
    low, high = np.percentile(xy, [0.3, 99.7], axis=0)
    low, high = np.minimum(low, [-5, -10]), np.maximum(high, [30, 10])
    for some in boxes:
        if some is not None and len(some):
            ends = np.concatenate([bev_corners(some.boxes[:, :7]).reshape(-1, 2),
                                   heading_marks(some.boxes)[:, 1, :2],
                                   velocity_marks(some.boxes)[:, 1, :2]])
            ends = ends[np.isfinite(ends).all(axis=1)]
            low, high = np.minimum(low, ends.min(0, initial=0)), np.maximum(
                high, ends.max(0, initial=0))
    return float(low[0] - 1), float(low[1] - 1), float(high[0] + 1), float(high[1] + 1)


def zoomed(extent: Extent, zoom: float) -> Extent:
    """A part of an extent round the sensor; nothing outside of it is wanted."""
    return tuple(side / zoom for side in extent)  # type: ignore[return-value]


def ring_radii(reach: float) -> list[int]:
    """Distances in meters at which circles are drawn, up to the reach of the data."""
    step = 10 if reach <= 90 else 20 if reach <= 160 else 50 if reach <= 1000 else \
        step_of(reach / MOST_RINGS)
    return list(range(step, int(max(reach, step)) + step, step))


def step_of(minimum: float) -> int:
    """The smallest of 5, 10, 20, 50, 100, ... that is more than so much."""
    return next(step for step in (digit * 10 ** power for power in range(40) for digit in (1, 2, 5))
                if step >= 5 and step > minimum)


def reach_of(extent: Extent) -> float:
    """Distance of the corner of an extent that is furthest from the sensor, in meters."""
    return float(np.hypot(max(abs(extent[0]), abs(extent[2])), max(abs(extent[1]), abs(extent[3]))))


def add_outlines(canvas: Canvas, ground: Ground, boxes: np.ndarray, colors: list,
                 dashed: bool) -> None:
    """Outlines, headings and ways of boxes; ``colors`` has one for each."""
    corners = bev_corners(boxes[:, :7])
    outlines = np.concatenate([corners, corners[:, :1]], axis=1)      # closed
    look = {'linestyles': [DASHES], 'linewidths': 1.9, 'zorder': 2} if dashed else {
        'linewidths': 1.5, 'zorder': 3}
    canvas.axes.add_collection(LineCollection(ground.pixels(outlines), colors=colors, **look))
    canvas.axes.add_collection(LineCollection(
        ground.pixels(heading_marks(boxes)), colors=colors, linewidths=look['linewidths'],
        zorder=look['zorder']))
    canvas.axes.add_collection(LineCollection(
        ground.pixels(velocity_marks(boxes)), colors=[canvas.style.theme.text],
        linestyles='dotted', linewidths=1.3, zorder=look['zorder']))


def box_reach(boxes: np.ndarray, ground: Ground) -> np.ndarray:
    """Half the width and height in pixels of what each box covers, (M, 2)."""
    corners = ground.pixels(bev_corners(boxes[:, :7]))
    return (corners.max(axis=1) - corners.min(axis=1)) / 2 + 2


def clip_header(canvas: Canvas, top: float) -> None:
    """Keep what is drawn on the ground off the title and the legend."""
    canvas.taken.append((0, 0, canvas.size[0], top))
    canvas.axes.fill_between([0, canvas.size[0]], 0, max(top - 2, 0), zorder=7, linewidth=0,
                             color=canvas.style.theme.background)
    canvas.taken.append((0, canvas.size[1] - FRAME, canvas.size[0], canvas.size[1]))


def _draw_points(canvas: Canvas, frame: Frame, ground: Ground) -> None:
    pixels = ground.pixels(frame.points[:, :2])
    canvas.axes.scatter(pixels[:, 0], pixels[:, 1], s=1.0 * canvas.style.point_size / 2.2,
                        linewidths=0, rasterized=True, zorder=1,
                        c=colored_points(frame, canvas.style.color_by, canvas.style.theme))


def _labels(frame: Frame, ground: Ground, style: Style) -> list[Label]:
    labels = []
    for boxes, rows in labeled_rows(frame):
        places, reaches = ground.pixels(boxes.boxes[:, :2]), box_reach(boxes.boxes, ground)
        colors, strong = style.box_colors(frame, boxes), boxes.mistakes()
        labels += [Label(label_text(frame, boxes, row), tuple(places[row]), colors[row],
                         tuple(reaches[row]), bool(strong[row])) for row in rows]
    return labels


def _draw_trails(canvas: Canvas, frame: Frame, ground: Ground) -> None:
    segments, owners = frame.trail_segments()
    if len(segments):
        colors = canvas.style.trail_colors(frame)
        canvas.axes.add_collection(LineCollection(
            ground.pixels(segments[..., :2]), colors=[colors[row] for row in owners],
            linewidths=2.2, alpha=0.75, zorder=2.5, capstyle='round'))


def _draw_skeletons(canvas: Canvas, frame: Frame, ground: Ground) -> None:
    for boxes, is_gt, width in ((frame.ground_truth, True, 1.6), (frame.detections, False, 1.0)):
        if boxes is not None and boxes.joints is not None:
            segments, colors = skeleton_segments(boxes.joints, boxes.visibility, is_gt)
            canvas.axes.add_collection(LineCollection(ground.pixels(segments), colors=colors,
                                                      linewidths=width, zorder=4))


def _draw_rings(canvas: Canvas, ground: Ground) -> None:
    center = ground.pixels(np.zeros(2))
    angles = np.linspace(0, 2 * np.pi, 181)
    for radius in ring_radii(reach_of(ground.extent)):
        circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        u, v = ground.pixels(circle).T
        canvas.axes.plot(u, v, color=canvas.style.theme.ring, linewidth=0.8, zorder=0)
        for angle in RING_LABELS:     # the first one that is in the picture
            place = center + radius * ground.scale * np.array([np.sin(angle), -np.cos(angle)])
            inside = (place > [FRAME, ground.top]) & (place < np.array(canvas.size) - FRAME)
            if inside.all():
                canvas.taken.append((*(place - [18, 6]), *(place + [18, 6])))
                canvas.axes.text(*place, f'{radius} m', color=canvas.style.theme.text, alpha=0.6,
                                 fontsize=7.5, ha='center', va='center', zorder=1,
                                 path_effects=canvas.style.halo)
                break


def _draw_numbers(canvas: Canvas, ground: Ground) -> None:
    """The border of the ground with meters at its left and below."""
    text, (width, height) = canvas.style.theme.text, canvas.size
    step = step_of(NUMBER_ROOM / ground.scale)
    bottom = ground.top + (ground.extent[2] - ground.extent[0]) * ground.scale
    canvas.axes.fill_between([0, FRAME - 1], 0, height, color=canvas.style.theme.background,
                             zorder=4.5, linewidth=0)
    canvas.axes.fill_between([0, width], bottom + 1, height, color=canvas.style.theme.background,
                             zorder=4.5, linewidth=0)
    options = dict(color=text, fontsize=7.5, zorder=6, alpha=0.85)
    for low, high, axis in ((ground.extent[0], ground.extent[2], 0),
                            (ground.extent[1], ground.extent[3], 1)):
        for value in np.arange(np.ceil(low / step) * step, high, step):
            u, v = ground.pixels(np.array([value, 0.0] if axis == 0 else [0.0, value]))
            if axis == 0:
                canvas.axes.text(FRAME - 4, v, f'{value + 0:g}', ha='right', va='center', **options)
            elif u > FRAME + 8 and u < width - 12:
                canvas.axes.text(u, bottom + 4, f'{value + 0:g}', ha='center', va='top', **options)
    options['alpha'] = 0.7
    canvas.axes.text(width - MARGIN, height - 3, 'x forward (up), y left, meters', ha='right',
                     va='bottom', **options)
