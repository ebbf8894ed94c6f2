"""Objects and a vehicle that move, as detections of frames: what trackers are tried on."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.structures.detections import Detections
from sparse3d.tracking.tracker import in_lidar

CLASSES = ('car', 'pedestrian')


@dataclass(frozen=True)
class DrivenFrame:
    """Detections of a frame, when and where it was, and which object each detection is of (-1: of
    none)."""

    detections: Detections
    timestamp: float
    pose: np.ndarray
    objects: np.ndarray


def pose_at(time: float) -> np.ndarray:
    """A vehicle at 8 m/s in a bend, far from the origin of the map."""
    pose, angle = np.eye(4), 0.15 * time
    pose[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    pose[:3, 3] = [600 + 8 * time, 1600 + 0.4 * time * time, 1.8]
    return pose


def drive(times: np.ndarray, seed: int = 0, objects: int = 8, noise: float = 0.1,
          misses: float = 0.0, false: int = 0) -> list[DrivenFrame]:
    """Frames at these times [s]; every other object is a pedestrian."""
    rng = np.random.default_rng(seed)
    side = np.arange(objects) * 7.0
    start = np.column_stack([600 + side, 1590 + side % 23 + rng.uniform(-1, 1, objects)])
    walks = np.arange(objects) % 2
    speed = rng.uniform(-1, 1, (objects, 2)) * np.where(walks[:, None], 1.0, 5.0)
    size = np.where(walks[:, None], [.7, .7, 1.8], [4.5, 1.9, 1.6])
    frames = []
    for number, time in enumerate(times.tolist()):
        pose, seen = pose_at(time), np.flatnonzero(rng.random(objects) >= misses)
        world = np.column_stack([start + time * speed, np.zeros(objects), size,
                                 np.arctan2(speed[:, 1], speed[:, 0]), speed])[seen]
        world[:, :2] += rng.normal(0, noise, (len(seen), 2))
        wrong = np.column_stack([pose[0, 3] + rng.uniform(-40, 40, (false, 1)),
                                 pose[1, 3] + rng.uniform(-40, 40, (false, 1)),
                                 np.tile([0., 4.5, 1.9, 1.6, 0, 0, 0], (false, 1))])
        boxes = in_lidar(np.concatenate([world, wrong]), pose)
        scores = np.concatenate([rng.uniform(.6, .9, len(seen)), rng.uniform(.1, .6, false)])
        labels = np.concatenate([walks[seen], np.zeros(false, np.int64)])
        frames.append(DrivenFrame(
            Detections(boxes, scores, labels, CLASSES, name=f'{number:03d}'), time, pose,
            np.concatenate([seen, np.full(false, -1)])))
    return frames


def ids_of_objects(frames: list[DrivenFrame], tracks: list) -> dict[int, set[int]]:
    """The ids that each object had, by the closest track of its class within 1 m."""
    ids: dict[int, set[int]] = {}
    for frame, of_frame in zip(frames, tracks, strict=True):
        for box, label, number in zip(frame.detections.boxes_3d, frame.detections.labels,
                                      frame.objects, strict=True):
            distance = np.linalg.norm(of_frame.boxes_3d[:, :2] - box[:2], axis=1)
            distance[of_frame.labels != label] = np.inf
            if number >= 0 and distance.min(initial=np.inf) < 1:
                ids.setdefault(int(number), set()).add(int(of_frame.ids[distance.argmin()]))
    return ids
