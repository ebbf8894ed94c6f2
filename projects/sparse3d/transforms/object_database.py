"""The ground-truth database: which objects there are, their points, where they fit."""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from sparse3d.errors import ConfigError, DataError
from sparse3d.remote_paths import is_remote
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.info_files import read_plain_file
from sparse3d.transforms.point_files import load_points

NO_ATTRIBUTE = 8  # nuScenes, as in the info files
MOST_COMPARED = 30      # objects of a class
FEWEST_COMPARED = 5     # objects that decide
LEAST_INSIDE = 0.8      # of an object's points, median; all of those that are cut out here
SLACK = 0.1             # meters that a box is larger for them; numbers are rounded


@dataclass
class PlacedObject:
    """An object of the database as it will stand in a sample.

    Attributes:
        entry: of the index.
        box: (>=7,) LiDAR box in the sample.
        motion: (4, 4) float64, points of the source frame's to the sample's LiDAR frame.
        views: what :meth:`CameraScene.place` returned.
    """
    entry: Mapping[str, Any]
    box: np.ndarray
    motion: np.ndarray = field(default_factory=lambda: np.eye(4))
    views: dict = field(default_factory=dict)

    def move_to(self, motion: np.ndarray) -> None:
        """Apply a further (4, 4) motion, which may stretch a little."""
        yaw = float(self.box[6])
        axes = motion[:3, :3] @ np.array([[np.cos(yaw), -np.sin(yaw), 0],
                                          [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
        self.box = self.box.copy()
        self.box[:3] = motion[:3, :3] @ self.box[:3].astype(np.float64) + motion[:3, 3]
        self.box[3:6] *= np.linalg.norm(axes, axis=0)
        self.box[6] = np.arctan2(axes[1, 0], axes[0, 0])
        self.motion = motion @ self.motion


def load_index(path: str, classes: Sequence[str], wanted: Collection[str],
               min_points: Mapping[str, int], removed: Collection[int],
               with_crops: bool = False) -> dict[str, list[dict]]:
    """Usable entries of a database's index by class.

    Args:
        path: the index.
        classes: known names.
        wanted: names to load.
        min_points: fewest points per class, 5 by default.
        removed: difficulties of objects that are not used.
        with_crops: whether entries need ``crops``.

    Raises:
        ConfigError: for a wanted name that is no class, or an index without crops.
        DataError: for an unusable index.
    """
    if not is_remote(path) and not Path(path).exists():
        raise DataError(f'the ground-truth database {path} does not exist: "sparse3d create-data" '
                        f'makes it when it prepares the data set; if that lies elsewhere, name it '
                        f'(--cfg-options data_root=FOLDER)')
    index = read_plain_file(path)
    if not isinstance(index, dict):
        raise DataError(f'{path} is not the index of a ground-truth database')
    database = {}
    for name in wanted:
        if name not in classes:
            raise ConfigError(f'groups has {name!r}, which is not one of the classes '
                              f'{", ".join(classes)}')
        _check_entries(index.get(name, []), name, path)
        database[name] = [
            entry for entry in index.get(name, [])
            if entry['num_points_in_gt'] >= min_points.get(name, 5)
            and entry['difficulty'] not in removed]
        if not database[name]:
            print_log(f'{path} has no usable object of class {name}: none will be added',
                      logger='current', level=30)
        if with_crops and any('crops' not in entry for entry in database[name]):
            raise ConfigError(f'{path} has no object images: cut them out with '
                              f'"sparse3d create-data crops", or switch paste_images off')
    return database


def _check_entries(entries: Any, name: str, path: str) -> None:
    """Raise unless a class of an index is a list of entries with what is needed of them."""
    needed = ('path', 'box3d_lidar', 'num_points_in_gt', 'difficulty')
    if not isinstance(entries, list | tuple):
        raise DataError(f'{path} is not the index of a ground-truth database: its class {name} is '
                        f'{type(entries).__name__}, not a list')
    for row, entry in enumerate(entries):
        lacking = [key for key in needed if not isinstance(entry, Mapping) or key not in entry]
        if lacking:
            raise DataError(f'entry {row} of {name} in {path} lacks {", ".join(lacking)}; make the '
                            f'database again with sparse3d create-data')


def refuse_foreign_objects(database: Mapping[str, Sequence[Mapping[str, Any]]], path: str,
                           data_root: str, columns: int) -> None:
    """Raise if the points of objects do not lie in their boxes: databases of other programs count
    them from another point of the box, or write boxes otherwise.

    Files that cannot be read decide nothing; whoever wants them names them.

    Args:
        database: usable entries by class.
        path: of the index, for the sentence.
        data_root: folder that paths in the entries are relative to.
        columns: numbers of a point.

    Raises:
        DataError: with the share of points inside.
    """
    shares = []
    for entries in database.values():
        for row in np.linspace(0, len(entries) - 1, min(len(entries), MOST_COMPARED)).astype(int):
            try:
                points = load_points(path_inside(data_root, entries[row]['path']), columns)
            except DataError:
                continue
            shares += [_shares_inside(points, entries[row]['box3d_lidar'])] if len(points) else []
    if len(shares) < FEWEST_COMPARED:
        return
    inside, from_middle = np.median(shares, axis=0)
    if inside < LEAST_INSIDE:
        why = 'they are counted from the middle of the box, as OpenPCDet does' \
            if from_middle >= LEAST_INSIDE else 'it is of another convention'
        raise DataError(f'the points of objects in {path} do not lie in their boxes ({inside:.0%} '
                        f'of {len(shares)} objects, median): {why}; make the database again with '
                        f'sparse3d create-data')


def _shares_inside(points: np.ndarray, box: Any) -> tuple[float, float]:
    """Of an object's points, inside its box as they are, and from the box's middle."""
    size = np.asarray(box, np.float64)[3:6]
    around = np.array([0, 0, -SLACK / 2, *(size + SLACK), float(box[6])])
    lowered = around - [0, 0, size[2] / 2, 0, 0, 0, 0]
    return tuple(len(points_in_box(points, each)) / len(points) for each in (around, lowered))


def points_of(placed: PlacedObject, data_root: str, columns: int) -> np.ndarray:
    """Points (N, columns) of an object where it stands in the sample.

    Raises:
        DataError: if its file is missing, or not the one that the index describes.
    """
    entry = placed.entry
    points = load_points(path_inside(data_root, entry['path']), columns)
    if len(points) != entry['num_points_in_gt']:
        raise DataError(f'{entry["path"]} in {data_root} has {len(points)} points, its '
                        f'index says {entry["num_points_in_gt"]}; make the database again')
    corner = np.asarray(entry['box3d_lidar'][:3], dtype=np.float64)
    motion = placed.motion
    points[:, :3] = (points[:, :3] + corner) @ motion[:3, :3].T + motion[:3, 3]
    return points


def keypoints_of(placed: PlacedObject, joints: int) -> tuple[np.ndarray, np.ndarray]:
    """Joints (K, 3) and visibilities (K,) of an object; missing where it has no labels.

    An entry has them as ``keypoints_3d``, relative to the bottom center of the box, and
    ``keypoints_visible``.
    """
    entry = placed.entry
    visible = np.asarray(entry.get('keypoints_visible', np.zeros(joints)), dtype=np.int64)
    local = np.asarray(entry.get('keypoints_3d', np.zeros((joints, 3))), dtype=np.float64)
    points = local + np.asarray(entry['box3d_lidar'][:3], dtype=np.float64)
    return (points @ placed.motion[:3, :3].T + placed.motion[:3, 3]).astype(np.float32), visible
