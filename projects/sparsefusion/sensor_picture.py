"""Which sensor each fused box came from, and where the candidates of both sensors stood."""
from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from matplotlib.lines import Line2D

from sparse3d.models.heads.transfusion_detections import select_detections
from sparse3d.transforms.data_paths import file_name
from sparse3d.visualization.bev_view import (
    FRAME,
    Ground,
    add_outlines,
    box_reach,
    ground_canvas,
)
from sparse3d.visualization.canvas import Canvas
from sparse3d.visualization.composed_view import camera_row, camera_rows, write_image
from sparse3d.visualization.frame import Boxes, Frame
from sparse3d.visualization.legend import DASHES
from sparse3d.visualization.placed_labels import Label
from sparse3d.visualization.style import DEFAULT, Style
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.sparsefusion_head import SparseFusionHead, fused_scores, peak_heights

SENSORS = ('LiDAR', 'cameras')
WIDTH = 1600        # pixels
REACH = 32.0        # meters from the sensor that are drawn from above
MARKS = ('^', 'o')  # of the candidates


@torch.no_grad()
def sensor_boxes(head: SparseFusionHead, output: FusionOutput,
                 sample: int = 0) -> tuple[Boxes, np.ndarray]:
    """The detections of a sample and the row of ``SENSORS`` that each one's query came from."""
    there = (peak_heights(output.peaks, output.camera.peaks)[sample] > 0).nonzero().flatten()
    boxes = head.coder.decode(head.coder.stack(output.fused)[sample])[there]
    scores = fused_scores(output)[sample][there]
    # a column more that says who is who comes out of the selection with the boxes
    marked = torch.cat([boxes, there[:, None].to(boxes)], dim=1)
    found = select_detections(marked, scores, head.center_range, head.suppression)
    numbers = found.bboxes_3d.tensor.cpu().numpy()
    of_cameras = numbers[:, -1] >= output.peaks.labels.shape[1]
    return (Boxes(numbers[:, :-1], found.labels_3d.cpu().numpy(), found.scores_3d.cpu().numpy()),
            of_cameras.astype(int))


@torch.no_grad()
def candidate_places(head: SparseFusionHead, output: FusionOutput,
                     sample: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Where the candidates of the LiDAR and of the cameras stand before fusion, (Q, 2) meters."""
    places = []
    for outputs, peaks in ((output.lidar, output.peaks), (output.view, output.camera.peaks)):
        boxes = head.coder.decode(head.coder.stack(outputs)[sample])
        places.append(boxes[peaks.scores[sample] > 0, :2].cpu().numpy())
    return places[0], places[1]


def draw_sensors(head: SparseFusionHead, output: FusionOutput, frame: Frame, out: str | PathLike,
                 score_threshold: float = 0.1, turn: float = 0.0, style: Style = DEFAULT) -> Path:
    """Draw the detections in the color of their sensor, on the cameras and from above.

    Labeled objects are dashed, from above; small marks are the candidates of both sensors.

    Args:
        frame: the scene; its detections are replaced.
        out: folder for the picture.
        score_threshold: boxes below are left out.
        turn: angle in radians by which ``frame`` was turned about z before.

    Returns:
        The file written, ``<frame>_sensors.png``.
    """
    found, sensor = sensor_boxes(head, output)
    found = replace(found, track_ids=sensor).turned(turn).above(score_threshold)    # go along
    classes, found = found.labels, replace(found, labels=found.track_ids, track_ids=None)
    truth = frame.ground_truth
    if truth is not None:
        truth = replace(truth, labels=np.full(len(truth), len(SENSORS)))
    shown = replace(frame, class_names=(*SENSORS, 'object'), ground_truth=truth,
                    detections=found)
    colors = (*style.theme.classes[:2], style.theme.ground_truth)
    theme = replace(style.theme, classes=(*colors, *style.theme.classes[3:]))
    style = replace(style, theme=theme)
    handles = [Line2D([], [], color=color, linewidth=3,
                      label=f'detected from a query of the {name} '
                            f'({int((found.labels == row).sum())})')
               for row, (name, color) in enumerate(zip(SENSORS, colors, strict=False))]
    handles += [Line2D([], [], color=color, marker=mark, linestyle='none', markersize=4,
                       label=f'candidate of the {name}')
                for name, color, mark in zip(SENSORS, colors, MARKS, strict=False)]
    if truth is not None:
        handles.append(Line2D([], [], color=colors[2], linestyle=DASHES, label='ground truth'))
    header = Canvas((WIDTH, 160), style)
    top = int(header.legend(handles, header.title(frame.summary(), 13), 10)) + 2
    parts = [header.array()[:top]]
    without = replace(shown, ground_truth=None)     # whose names would cover the images
    parts += [camera_row(without, row, style, WIDTH) for row in camera_rows(frame.pictures)]
    names = [frame.class_name(int(label)) for label in classes]
    parts.append(_from_above(shown, names, style, candidate_places(head, output), turn))
    path = Path(out) / f'{file_name(f"{frame.name}_sensors")}.png'
    write_image(np.concatenate(parts), path)
    return path


def _from_above(shown: Frame, names: list[str], style: Style,
                candidates: tuple[np.ndarray, np.ndarray], turn: float) -> np.ndarray:
    canvas, ground = ground_canvas(shown, style, (WIDTH, round(0.55 * WIDTH)),
                                   (-REACH, -REACH, REACH, REACH), with_header=False)
    pixels = ground.pixels(shown.points[:, :2])
    canvas.axes.scatter(*pixels.T, s=0.5, linewidths=0, color=[style.theme.ring], zorder=1)
    cos, sin = np.cos(turn), np.sin(turn)
    for row, (xy, mark) in enumerate(zip(candidates, MARKS, strict=True)):
        u, v = ground.pixels(xy @ np.array([[cos, sin], [-sin, cos]])).T
        inside = (u > 0) & (u < canvas.size[0]) & (v > 0) & (v < canvas.size[1])
        canvas.axes.scatter(u[inside], v[inside], s=14, marker=mark, facecolors='none',
                            linewidths=0.8, alpha=0.7, edgecolors=[style.theme.classes[row]],
                            zorder=2)
    for boxes in (shown.ground_truth, shown.detections):
        if boxes is not None and len(boxes):
            add_outlines(canvas, ground, boxes.boxes, style.colors(shown, boxes.labels),
                         dashed=boxes.scores is None)
    canvas.labels(_labels(shown, names, ground, style), bottom=FRAME + 2)
    return canvas.array()


def _labels(shown: Frame, names: list[str], ground: Ground, style: Style) -> list[Label]:
    found = shown.detections
    if found is None or found.scores is None:
        return []
    colors = style.colors(shown, found.labels)
    return [Label(f'{names[row]} {found.scores[row]:.2f}',
                  tuple(ground.pixels(found.boxes[row, :2])), colors[row],
                  tuple(box_reach(found.boxes[row:row + 1], ground)[0]))
            for row in range(len(found))]
