"""Frames as one HTML file to turn in a browser: nothing is fetched, nothing is installed."""
from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.visualization.bev_view import points_extent, reach_of, ring_radii
from sparse3d.visualization.colored_points import colored_points
from sparse3d.visualization.colors import class_color, class_colors
from sparse3d.visualization.error_view import IGNORED, KINDS, MISSED, error_color
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.style import DEFAULT, Style
from sparse3d.visualization.viewpoint import ground_height

MAX_POINTS = 1_000_000  # of a frame: 9.3 bytes each, so that a page stays below 15 MB a frame
FURTHEST = 1000.0       # meters; points beyond would take the precision of the others
LEVELS = 65535


def write_scene_page(frames: Sequence[Frame], path: str | os.PathLike, style: Style = DEFAULT,
                     score_threshold: float = 0.0, frames_per_second: float = 2.0) -> Path:
    """Write frames into one page with a play bar, a score threshold and layers.

    Points have 16 bits for each coordinate (3 mm over 200 m) and one of 256 colors. The layers
    mistakes, tracks and importance are there where the frames know them.

    Args:
        frames: in order.
        path: the ``.html`` file.
        style: theme, view, zoom, point size and coloring.
        score_threshold: where the slider stands first.
        frames_per_second: of the play bar.

    Raises:
        DataError: if the file cannot be written.
    """
    names = frames[0].class_names if frames else ()
    reach = max((reach_of(_extent(frame)) for frame in frames), default=40.0)
    theme = style.theme
    labels = {int(label) for frame in frames for boxes in (frame.ground_truth, frame.detections)
              if boxes is not None for label in boxes.labels if label >= len(names)}
    colors = dict(enumerate(class_colors(names, theme))) | {
        label: class_color(label, theme) for label in labels}
    scene = dict(
        theme=dict(background=theme.background, text=theme.text, ring=theme.ring),
        names=list(names), colors=colors, rings=ring_radii(reach), view=style.view,
        zoom=style.zoom, size=style.point_size, score=score_threshold, rate=frames_per_second,
        kinds={kind: error_color(kind, theme) for kind in (*KINDS, MISSED, IGNORED)},
        frames=[_frame(frame, style) for frame in frames])
    page = files(__package__) / 'page'
    # the script first: names of users may hold anything
    text = (page / 'scene.html').read_text('utf-8').replace(
        '__SCRIPT__', (page / 'scene.js').read_text('utf-8'))
    before, after = text.split('__SCENE__')
    make_folder(Path(path).parent)
    write_bytes_atomically(path, (before + as_json(scene) + after).encode())
    return Path(path)


def as_json(value: Any) -> str:
    """JSON that may stand in a page: no name of a user ends the script."""
    text = json.dumps(value, allow_nan=False, separators=(',', ':'))
    return text.replace('<', r'\u003c').replace('>', r'\u003e').replace('&', r'\u0026')


def _frame(frame: Frame, style: Style) -> dict[str, Any]:
    kept = np.flatnonzero(np.isfinite(frame.points[:, :3]).all(axis=1)
                          & (np.abs(frame.points[:, :3]) < FURTHEST).all(axis=1))
    summary = frame.summary()
    if len(kept) > MAX_POINTS:
        kept = np.sort(np.random.default_rng(0).choice(kept, MAX_POINTS, replace=False))
        summary += f'  ·  {MAX_POINTS:,} of them drawn'
    elif len(kept) < len(frame.points):
        summary += f'  ·  {len(frame.points) - len(kept)} points beyond {FURTHEST:g} m not drawn'
    xyz = frame.points[kept, :3].astype(np.float64)
    low = xyz.min(axis=0, initial=FURTHEST) if len(xyz) else np.zeros(3)
    step = np.maximum((xyz.max(axis=0) - low) / LEVELS, 1e-6) if len(xyz) else np.ones(3)
    palette, rows = _palette(colored_points(frame, style.color_by, style.theme)[kept])
    made = dict(
        name=frame.name, summary=summary, extent=_extent(frame), low=low.tolist(),
        step=step.tolist(), ground=ground_height(frame.points),
        positions=_base64(np.round((xyz - low) / step).astype('<u2')), rows=_base64(rows),
        palette=palette.tolist(), boxes=_boxes(frame), trails=_trails(frame))
    if frame.importance is not None:
        heat = np.clip(frame.importance[kept] / max(float(np.max(frame.importance)), 1e-9), 0, 1)
        made['importance'] = _base64(np.round(255 * heat).astype(np.uint8))
    return made


def _palette(colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most 256 colors (K, 3) uint8, and which of them each point has (N,) uint8."""
    colors = np.round(255 * colors).astype(np.uint8).reshape(-1, 3)
    palette, rows = np.unique(colors, axis=0, return_inverse=True)
    if len(palette) > 256:
        coarse = colors & np.array([0xE0, 0xE0, 0xC0], np.uint8)
        palette, rows = np.unique(coarse, axis=0, return_inverse=True)
        palette = palette | np.array([0x10, 0x10, 0x20], np.uint8)
    return palette, rows.reshape(-1).astype(np.uint8)


def _boxes(frame: Frame) -> list[dict[str, Any]]:
    made = []
    for boxes in (frame.ground_truth, frame.detections):
        for row in range(0 if boxes is None else len(boxes)):
            numbers = boxes.boxes[row]
            if not np.isfinite(numbers[:7]).all():
                continue
            known = 9 if len(numbers) >= 9 and np.isfinite(numbers[7:9]).all() else 7
            box = dict(box=np.round(numbers[:known].astype(float), 4).tolist(),
                       label=int(boxes.labels[row]))
            if boxes.scores is not None:
                box['score'] = round(float(boxes.scores[row]), 4)
            if boxes.kinds is not None:
                box['kind'] = str(boxes.kinds[row])
            if boxes.found_by is not None and np.isfinite(boxes.found_by[row]):
                box['by'] = round(float(boxes.found_by[row]), 4)
            if boxes.track_ids is not None:
                box['track'] = str(boxes.track_ids[row])
            made.append(box)
    return made


def _trails(frame: Frame) -> list[dict[str, Any]]:
    return [dict(label=int(label), positions=np.round(np.asarray(places, float), 3).tolist())
            for label, places in frame.trails]


def _extent(frame: Frame) -> tuple[float, float, float, float]:
    return points_extent(frame.points, *(boxes for boxes in (frame.ground_truth, frame.detections)
                                         if _finite(boxes)))


def _finite(boxes: Boxes | None) -> bool:
    return boxes is not None and bool(np.isfinite(boxes.boxes[:, :7]).all())


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
