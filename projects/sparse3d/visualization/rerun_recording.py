"""Frames as a recording for the rerun viewer: opened on a desktop, in a browser, or shared."""
from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import UnwritableFile, make_folder
from sparse3d.errors import BackendUnavailable
from sparse3d.visualization.box_lines import box_segments, velocity_marks
from sparse3d.visualization.camera_overlay import project_segments
from sparse3d.visualization.colored_points import colored_points
from sparse3d.visualization.colors import GROUND_TRUTH, class_color
from sparse3d.visualization.frame import Boxes, Frame, Picture
from sparse3d.visualization.skeleton_lines import skeleton_segments

APPLICATION = 'sparse3d'
JPEG_QUALITY = 80


def write_recording(frames: Iterable[Frame], path: str | os.PathLike,
                    color_by: str = 'height') -> int:
    """Write frames one after the other into an ``.rrd`` file; the time line is ``frame``.

    Points, ground truth, detections with class and score, velocities, skeletons, and camera
    images with the boxes on them. ``rerun FILE`` opens it.

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
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    recording, count = rerun.new_recording(APPLICATION), 0
    try:
        make_folder(path.parent)
        rerun.save(temporary, recording=recording)
        rerun.log('world', rerun.ViewCoordinates.FLU, static=True, recording=recording)
        for count, frame in enumerate(frames, 1):
            rerun.set_time_sequence('frame', count - 1, recording=recording)
            _log_frame(rerun, recording, frame, color_by)
        rerun.disconnect(recording=recording)
        os.replace(temporary, path)
    except OSError as error:
        raise UnwritableFile(f'{path} could not be written: {error.strerror or error}') from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _rerun() -> Any:
    try:
        import rerun
    except ImportError as error:
        raise BackendUnavailable('recordings need the rerun SDK; install it with '
                                 '"pip install rerun-sdk==0.22.1"') from error
    return rerun


def _log_frame(rerun: Any, recording: Any, frame: Frame, color_by: str) -> None:
    def log(name: str, entity: Any) -> None:
        rerun.log(name, entity, recording=recording)

    log('summary', rerun.TextLog(frame.summary()))
    log('world/points', rerun.Points3D(frame.points[:, :3], radii=0.03,
                                       colors=_bytes(colored_points(frame, color_by))))
    for name, boxes in (('ground_truth', frame.ground_truth), ('detections', frame.detections)):
        log(f'world/{name}', rerun.Clear(recursive=True))
        if boxes is not None and len(boxes):
            _log_boxes(rerun, log, f'world/{name}', frame, boxes)
    for picture in frame.pictures:
        _log_picture(rerun, log, frame, picture)


def _log_boxes(rerun: Any, log: Any, name: str, frame: Frame, boxes: Boxes) -> None:
    centers = boxes.boxes[:, :3] + [0, 0, 0.5] * boxes.boxes[:, 3:6]
    half = boxes.boxes[:, 6] / 2
    turns = [rerun.Quaternion(xyzw=[0, 0, np.sin(angle), np.cos(angle)]) for angle in half]
    labels = [frame.class_name(label) for label in boxes.labels]
    if boxes.scores is not None:
        labels = [f'{label} {score:.2f}' for label, score in
                  zip(labels, boxes.scores, strict=True)]
    colors = _bytes(_colors(boxes))
    log(name, rerun.Boxes3D(centers=centers, half_sizes=boxes.boxes[:, 3:6] / 2,
                            quaternions=turns, labels=labels, colors=colors))
    moving = velocity_marks(boxes.boxes)
    if len(moving):
        log(f'{name}/velocity', rerun.Arrows3D(origins=moving[:, 0],
                                               vectors=moving[:, 1] - moving[:, 0]))
    if boxes.joints is not None:
        limbs, limb_colors = skeleton_segments(boxes.joints, boxes.visibility,
                                               boxes.scores is None)
        log(f'{name}/skeletons', rerun.LineStrips3D(limbs, colors=_bytes(limb_colors)))


def _log_picture(rerun: Any, log: Any, frame: Frame, picture: Picture) -> None:
    name = f'cameras/{picture.name}'
    log(name, rerun.Image(picture.image).compress(jpeg_quality=JPEG_QUALITY))
    for kind, boxes in (('ground_truth', frame.ground_truth), ('detections', frame.detections)):
        lines, colors = np.zeros((0, 2, 2)), np.zeros((0, 3))
        if boxes is not None and len(boxes):
            segments = [box_segments(box[None]) for box in boxes.boxes]
            owner = np.repeat(np.arange(len(boxes)), [len(part) for part in segments])
            lines, kept = project_segments(np.concatenate(segments), picture.lidar2img)
            colors = _colors(boxes)[owner[kept]]
        log(f'{name}/{kind}', rerun.LineStrips2D(lines, colors=_bytes(colors)))


def _colors(boxes: Boxes) -> np.ndarray:
    if boxes.scores is None:
        return np.tile(GROUND_TRUTH, (len(boxes), 1))
    return np.array([class_color(label) for label in boxes.labels]).reshape(-1, 3)


def _bytes(colors: np.ndarray) -> np.ndarray:
    return (np.asarray(colors).reshape(-1, 3) * 255).astype(np.uint8)
