"""Transform that adds objects of other frames to a training sample.

mmdet3d's sampler is not used: it fails with numpy 1.24-1.26 (``np.long``), compiles its
collision test in every worker process, and keeps a position in the database from sample
to sample, so that a resumed training differs from an uninterrupted one.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints
from mmengine.logging import print_log

from sparse3d.datasets.data_paths import path_inside
from sparse3d.datasets.info_files import read_plain_file
from sparse3d.datasets.point_files import load_points
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.box_geometry import boxes_collide, points_in_box


@TRANSFORMS.register_module()
class GroundTruthSampling(BaseTransform):
    """Fill every sample up to a number of objects per class, from the ground-truth database.

    Objects are drawn without replacement; one that would overlap (bird's-eye view)
    another box of the sample is dropped. Scene points inside an
    added box make room for the object's own.

    Needs and changes ``points``, ``gt_bboxes_3d``, ``gt_labels_3d``; reads ``epoch`` and,
    with ``use_ground_plane``, ``plane`` (a, b, c, d in the LiDAR frame).

    Args:
        data_root: folder that paths in the database index are relative to.
        info_path: the index, e.g. ``data/kitti/kitti_dbinfos_train.pkl``.
        classes: class names in label order.
        groups: objects wanted per class, e.g. ``dict(Car=15)``.
        min_points: fewest points of an object per class to be used, default 5.
        removed_difficulties: objects of these are not used; -1 is 'ignored by the benchmark'.
        columns: numbers per point in the database.
        use_ground_plane: put objects on the road where the sample has a plane.
        stop_epoch: from this epoch on (counted from 0) nothing is added, so that the last
            epochs see real scenes; None never stops.

    Raises:
        ConfigError: for a group that is no class or that the database lacks.
        DataError: for an unusable index or object file.

    Source: SECOND (Sensors 2018), section 3.2.
    """

    def __init__(
            self,
            data_root: str,
            info_path: str,
            classes: Sequence[str],
            groups: Mapping[str, int],
            min_points: Mapping[str, int] | None = None,
            removed_difficulties: Sequence[int] = (-1,),
            columns: int = 4,
            use_ground_plane: bool = False,
            stop_epoch: int | None = None,
    ) -> None:
        self.data_root, self.columns = data_root, columns
        self.classes, self.groups = tuple(classes), dict(groups)
        self.use_ground_plane, self.stop_epoch = use_ground_plane, stop_epoch
        self.database = self._load(info_path, min_points or {}, set(removed_difficulties))

    def transform(self, results: dict) -> dict:
        """Add objects to one sample."""
        if self.stop_epoch is not None and results.get('epoch', 0) >= self.stop_epoch:
            return results
        boxes = results['gt_bboxes_3d'].tensor.numpy()
        chosen = self._choose(boxes[:, :7], results['gt_labels_3d'])
        if chosen:
            plane = results.get('plane') if self.use_ground_plane else None
            self._add(results, chosen, plane)
        return results

    def _load(self, path: str, min_points: Mapping, removed: set[int]) -> dict[str, list[dict]]:
        index = read_plain_file(path)
        if not isinstance(index, dict):
            raise DataError(f'{path} is not the index of a ground-truth database')
        database = {}
        for name in self.groups:
            if name not in self.classes:
                raise ConfigError(f'groups has {name!r}, which is not one of the classes '
                                  f'{", ".join(self.classes)}')
            database[name] = [
                entry for entry in index.get(name, [])
                if entry['num_points_in_gt'] >= min_points.get(name, 5)
                and entry['difficulty'] not in removed]
            if not database[name]:
                print_log(f'{path} has no usable object of class {name}: none will be added',
                          logger='current', level=30)
        return database

    def _choose(self, boxes: np.ndarray, labels: np.ndarray) -> list[dict]:
        """Draw objects that overlap neither the boxes nor each other."""
        taken, chosen = boxes, []
        for name, wanted in self.groups.items():
            missing = wanted - int((labels == self.classes.index(name)).sum())
            entries = self.database[name]
            draw = np.random.permutation(len(entries))[:max(missing, 0)]
            candidates = [entries[number] for number in draw]
            for entry in _apart(candidates, taken):
                chosen.append(entry)
                taken = np.concatenate([taken, entry['box3d_lidar'][None, :7]])
        return chosen

    def _add(self, results: dict, chosen: list[dict], plane: np.ndarray | None) -> None:
        boxes = np.stack([entry['box3d_lidar'][:7] for entry in chosen]).astype(np.float32)
        lift = np.zeros(len(chosen)) if plane is None else -_height_above(plane, boxes[:, :3])
        boxes[:, 2] += lift
        added = [self._points_of(entry, box) for entry, box in zip(chosen, boxes, strict=True)]
        scene = results['points'].tensor.numpy()
        covered = np.concatenate([points_in_box(scene, box) for box in boxes])
        points = np.concatenate([*added, np.delete(scene, covered, axis=0)])
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        old = results['gt_bboxes_3d']
        padded = np.zeros((len(boxes), old.tensor.shape[1]), dtype=np.float32)
        padded[:, :7] = boxes  # an added object stands still
        results['gt_bboxes_3d'] = old.new_box(torch.cat([old.tensor, torch.from_numpy(padded)]))
        labels = [self.classes.index(entry['name']) for entry in chosen]
        results['gt_labels_3d'] = np.concatenate([results['gt_labels_3d'], labels]).astype(np.int64)

    def _points_of(self, entry: dict, box: np.ndarray) -> np.ndarray:
        points = load_points(path_inside(self.data_root, entry['path']), self.columns)
        if len(points) != entry['num_points_in_gt']:
            raise DataError(f'{entry["path"]} in {self.data_root} has {len(points)} points, its '
                            f'index says {entry["num_points_in_gt"]}; make the database again')
        points[:, :3] += box[:3]
        return points


def _apart(candidates: list[dict], taken: np.ndarray) -> list[dict]:
    """Those candidates, in order, that overlap neither ``taken`` nor an earlier one."""
    if not candidates:
        return []
    boxes = np.stack([entry['box3d_lidar'][:7] for entry in candidates])
    free = ~boxes_collide(boxes, taken).any(axis=1)
    among = boxes_collide(boxes, boxes)
    kept: list[int] = []
    for number in np.flatnonzero(free):
        if not among[number, kept].any():
            kept.append(number)
    return [candidates[number] for number in kept]


def _height_above(plane: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Vertical distance (N,) of points from the plane a x + b y + c z + d = 0."""
    return (points @ plane[:3] + plane[3]) / plane[2]
