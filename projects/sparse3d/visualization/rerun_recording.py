"""Frames as a recording for the rerun viewer: opened on a desktop, in a browser, or shared."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import atomic_path, make_folder
from sparse3d.errors import BackendUnavailable
from sparse3d.visualization.box_lines import box_segments, dashed, heading_marks, velocity_marks
from sparse3d.visualization.camera_overlay import project_segments
from sparse3d.visualization.colored_points import colored_points, heat_colors
from sparse3d.visualization.colors import class_color, class_colors
from sparse3d.visualization.composed_view import camera_rows
from sparse3d.visualization.frame import Boxes, Frame, Picture
from sparse3d.visualization.pinhole import split_projection
from sparse3d.visualization.skeleton_lines import skeleton_segments

APPLICATION = 'sparse3d'
JPEG_QUALITY = 80
CAMERA_SIZE = 1.5       # meters from a camera to its picture in the 3D world

Log = Callable[[str, Any], None]


def write_recording(frames: Iterable[Frame], path: str | os.PathLike,
                    color_by: str = 'height') -> int:
    """Write frames one after the other into an ``.rrd`` file.

    Points; ground truth, dashed, and detections with class and score, both in the colors of their
    classes; headings, velocities, skeletons, tracks; importance of points; cameras where they
    stand in the world, with the boxes on their images. Time lines are ``frame`` and, where it is
    known, ``time`` in seconds from the first frame on. Panels for the world and for each camera
    are laid out.
    ``rerun FILE`` opens it, ``rerun --serve-web FILE`` (or ``--web-viewer``) in a browser.

    Works with rerun-sdk 0.22, the last one for NumPy 1, and with those of today.

    Args:
        frames: what to record; they are drawn as they come.
        path: the file to write; it appears when all frames are in.
        color_by: see :func:`sparse3d.visualization.colored_points.colored_points`.

    Returns:
        The number of frames.

    Raises:
        BackendUnavailable: without the package rerun-sdk.
        DataError: if the file cannot be written.
    """
    rerun = _rerun()
    path = Path(path)
    recording = getattr(rerun, 'new_recording', rerun.RecordingStream)(APPLICATION)
    count, start = 0, None
    make_folder(path.parent)
    with atomic_path(path, keep_ending=False) as temporary:
        first, frames = _first(iter(frames))
        rerun.save(temporary, recording=recording, default_blueprint=_panels(rerun, first))
        rerun.log('world', rerun.ViewCoordinates.FLU, static=True, recording=recording)
        for count, frame in enumerate(frames, 1):
            start = frame.seconds if start is None else start
            _set_time(rerun, recording, count - 1,
                      None if frame.seconds is None else frame.seconds - start)
            _log_frame(rerun, recording, frame, color_by)
        rerun.disconnect(recording=recording)
    return count


def _rerun() -> Any:
    try:
        import rerun
    except ImportError as error:
        raise BackendUnavailable('recordings need the rerun SDK; install it with '
                                 '"pip install rerun-sdk==0.22.1", or, beside NumPy 2, with '
                                 '"pip install rerun-sdk"') from error
    return rerun


def _first(frames: Iterator[Frame]) -> tuple[Frame | None, Iterator[Frame]]:
    first = next(frames, None)
    return first, iter(()) if first is None else chain([first], frames)


def _set_time(rerun: Any, recording: Any, number: int, seconds: float | None) -> None:
    if hasattr(rerun, 'set_time_sequence'):         # up to 0.25
        rerun.set_time_sequence('frame', number, recording=recording)
        if seconds is not None:
            rerun.set_time_seconds('time', seconds, recording=recording)
        return
    rerun.set_time('frame', sequence=number, recording=recording)
    if seconds is not None:
        rerun.set_time('time', duration=seconds, recording=recording)


def _panels(rerun: Any, frame: Frame | None) -> Any:
    """The world beside the cameras in their places."""
    views = rerun.blueprint
    world = views.Spatial3DView(origin='world', name='world')
    rows = [] if frame is None else camera_rows(frame.pictures)
    if not rows:
        return views.Blueprint(world)
    cameras = [views.Horizontal(*(views.Spatial2DView(
        origin=f'world/cameras/{picture.name}', name=picture.name) for picture in row))
        for row in rows]
    return views.Blueprint(views.Vertical(views.Vertical(*cameras), world,
                                          row_shares=[len(rows), 2]))


def _log_frame(rerun: Any, recording: Any, frame: Frame, color_by: str) -> None:
    def log(name: str, entity: Any) -> None:
        rerun.log(name, entity, recording=recording)

    log('name', rerun.TextLog(frame.name))
    log('summary', rerun.TextLog(frame.summary()))
    log('world/points', rerun.Points3D(frame.points[:, :3], radii=0.03,
                                       colors=_bytes(colored_points(frame, color_by))))
    if frame.importance is not None:    # a layer of its own, over the points
        log('world/importance', rerun.Points3D(frame.points[:, :3], radii=0.035,
                                               colors=_bytes(heat_colors(frame))))
    for name, boxes in (('ground_truth', frame.ground_truth), ('detections', frame.detections)):
        log(f'world/{name}', rerun.Clear(recursive=True))
        if boxes is not None and len(boxes):
            _log_boxes(rerun, log, f'world/{name}', frame, boxes)
    known = class_colors(frame.class_names)
    if frame.trails:
        log('world/tracks', rerun.LineStrips3D(
            [places for _, places in frame.trails],
            colors=_bytes(np.array([known[label] if 0 <= label < len(known) else
                                    class_color(label) for label, _ in frame.trails]))))
    for picture in frame.pictures:
        _log_picture(rerun, log, frame, picture)


def _log_boxes(rerun: Any, log: Log, name: str, frame: Frame, boxes: Boxes) -> None:
    centers = boxes.boxes[:, :3] + [0, 0, 0.5] * boxes.boxes[:, 3:6]
    half = boxes.boxes[:, 6] / 2
    turns = [rerun.Quaternion(xyzw=[0, 0, np.sin(angle), np.cos(angle)]) for angle in half]
    colors = _colors(frame, boxes)
    truth = boxes.scores is None
    log(name, rerun.Boxes3D(
        centers=centers, half_sizes=boxes.boxes[:, 3:6] / 2, quaternions=turns,
        labels=_labels(frame, boxes), colors=_bytes(0.5 * colors if truth else colors),
        radii=0.005 if truth else 0.03))
    if truth:   # lines of rerun cannot be dashed: a thin box that says what it is, and dashes
        lines = [dashed(box_segments(box[None])[:12]) for box in boxes.boxes]
        owners = np.repeat(np.arange(len(boxes)), [len(part) for part in lines])
        log(f'{name}/dashes', rerun.LineStrips3D(
            np.concatenate(lines), colors=_bytes(colors[owners]), radii=0.04))
    marks = heading_marks(boxes.boxes)
    log(f'{name}/headings', rerun.Arrows3D(
        origins=marks[:, 0], vectors=marks[:, 1] - marks[:, 0], colors=_bytes(colors)))
    moving = velocity_marks(boxes.boxes)
    if len(moving):
        log(f'{name}/velocity', rerun.Arrows3D(origins=moving[:, 0],
                                               vectors=moving[:, 1] - moving[:, 0]))
    if boxes.joints is not None:
        limbs, limb_colors = skeleton_segments(boxes.joints, boxes.visibility, truth)
        log(f'{name}/skeletons', rerun.LineStrips3D(limbs, colors=_bytes(limb_colors)))


def _labels(frame: Frame, boxes: Boxes) -> list[str]:
    labels = []
    for row, label in enumerate(boxes.labels):
        text = frame.class_name(label)
        text += ', labeled' if boxes.scores is None else f' {boxes.scores[row]:.2f}'
        if boxes.track_ids is not None:
            text += f' #{boxes.track_ids[row]}'
        labels.append(text)
    return labels


def _log_picture(rerun: Any, log: Log, frame: Frame, picture: Picture) -> None:
    name = f'world/cameras/{picture.name}'
    camera = split_projection(picture.lidar2img)
    height, width = picture.image.shape[:2]
    log(name, rerun.Transform3D(translation=camera.center, mat3x3=camera.rotation))
    log(name, rerun.Pinhole(image_from_camera=camera.intrinsic, resolution=[width, height],
                            camera_xyz=rerun.ViewCoordinates.RDF,
                            image_plane_distance=CAMERA_SIZE))
    log(name, rerun.Image(picture.image).compress(jpeg_quality=JPEG_QUALITY))
    for kind, boxes in (('ground_truth', frame.ground_truth), ('detections', frame.detections)):
        lines, colors = np.zeros((0, 2, 2)), np.zeros((0, 3))
        if boxes is not None and len(boxes):
            segments = [box_segments(box[None]) for box in boxes.boxes]
            if boxes.scores is None:
                segments = [dashed(part) for part in segments]
            owner = np.repeat(np.arange(len(boxes)), [len(part) for part in segments])
            lines, kept = project_segments(np.concatenate(segments), picture.lidar2img)
            colors = _colors(frame, boxes)[owner[kept]]
        log(f'{name}/{kind}', rerun.LineStrips2D(lines, colors=_bytes(colors)))


def _colors(frame: Frame, boxes: Boxes) -> np.ndarray:
    known = class_colors(frame.class_names)
    return np.array([known[label] if 0 <= label < len(known) else class_color(label)
                     for label in boxes.labels]).reshape(-1, 3)


def _bytes(colors: np.ndarray) -> np.ndarray:
    return (np.asarray(colors).reshape(-1, 3) * 255).astype(np.uint8)
