"""Transform that adds objects of other frames to a training sample.

mmdet3d's sampler is not used: it fails with numpy 1.24-1.26 (``np.long``), compiles its
collision test in every worker process, and keeps a position in the database from sample
to sample, so that a resumed training differs from an uninterrupted one.
"""
from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.registry import TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.argument_objects import argument_object
from sparse3d.errors import ConfigError
from sparse3d.structures.box_geometry import boxes_collide, points_in_any_box
from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.transforms.image_pasting import BACKGROUND, CameraScene, camera_scene
from sparse3d.transforms.object_database import (
    NO_ATTRIBUTE,
    PlacedObject,
    keypoints_of,
    load_index,
    points_of,
    refuse_foreign_objects,
)
from sparse3d.transforms.object_filters import PER_OBJECT


@dataclass(frozen=True)
class DatabaseOptions:
    """Where objects come from, and which are used.

    Attributes:
        data_root: folder that paths in the database index are relative to.
        info_path: the index, e.g. ``data/kitti/kitti_dbinfos_train.pkl``.
        columns: numbers per point in the database.
        use: which of them to keep, as in the transform that loads the points.
        min_points: fewest points of an object per class to be used, default 5.
        removed_difficulties: objects of these are not used; -1 is 'ignored by the benchmark'.
    """

    data_root: str
    info_path: str
    columns: int = 4
    use: Sequence[int] | None = None
    min_points: Mapping[str, int] | None = None
    removed_difficulties: Sequence[int] = (-1,)


@dataclass(frozen=True)
class PastingOptions:
    """How the objects' pictures get into the images, nearer before farther ones.

    Objects whose points fall on another object's pixels lose these points. With a single camera
    objects keep their pixels and depths, not their LiDAR coordinates.

    Attributes:
        max_image_overlap: an object whose rectangle in an image has this much in common (IoU)
            with another one's is dropped.
        max_occlusion: share of the sample's points in an object's rectangle that may stand
            before it; with more it is dropped.
        published_list_order: paste in list order, not far ones first (nuScenes).
        published_keep_hidden_points: keep points that contradict the images (nuScenes).
        paste: False leaves the images alone, so that a config can switch it off.
    """

    max_image_overlap: float = 0.5
    max_occlusion: float = 0.5
    published_list_order: bool = False
    published_keep_hidden_points: bool = False
    paste: bool = True


@TRANSFORMS.register_module()
class GroundTruthSampling(BaseTransform):
    """Add objects of other frames, from the ground-truth database.

    A sample is filled up to a number of objects per class, or given that number whatever it
    has (``fill_up``). Objects are drawn without replacement; one that would overlap (bird's-eye
    view) another box of the sample is dropped. Scene points inside an added box make room for
    the object's own.

    Needs and changes ``points``, ``gt_bboxes_3d``, ``gt_labels_3d``, and
    ``gt_keypoints_3d``, ``attr_labels`` where the sample has them; reads ``epoch`` and,
    with ``use_ground_plane``, ``plane`` (a, b, c, d in the LiDAR frame). Boxes of nine numbers
    get the velocity that the database knows. With ``images`` the objects appear in
    ``img`` as well, seen through ``lidar2img``, one camera (KITTI) or several (nuScenes).

    Args:
        database: where objects come from, see :class:`DatabaseOptions`.
        classes: class names in label order.
        groups: objects wanted per class, e.g. ``dict(Car=15)``; a number for each class.
        fill_up: objects that the sample has count among those wanted (det3d, mmdet3d, and
            OpenPCDet with ``LIMIT_WHOLE_SCENE: True``); False adds as many to any sample
            (OpenPCDet's KITTI recipes).
        unlabeled: classes beside ``classes`` whose objects are added as bare points, without
            box and label, and counted in ``groups`` as if the sample had none.
        use_ground_plane: put objects on the road where the sample has a plane; the first one
            without is reported.
        stop_epoch: from this epoch on (counted from 0) nothing is added, so that the last
            epochs see real scenes; None never stops. ``DisableAugmentationHook`` sets it.
        images: how objects get into the images, see :class:`PastingOptions`; None leaves the
            images alone.

    Raises:
        ConfigError: for a group that is no class, or that has no images to paste.
        DataError: for an unusable index or object file, or objects whose points do not lie in
            their boxes.

    Source: SECOND (Sensors 2018), section 3.2; images: Focal Sparse Convolutional Networks
        (CVPR 2022), section 3.2, and its released code.
    """

    argument_objects = dict(database=DatabaseOptions, images=PastingOptions)

    def __init__(
            self,
            database: dict | DatabaseOptions,
            classes: Sequence[str],
            groups: Mapping[str, int] | int,
            fill_up: bool = True,
            unlabeled: Sequence[str] = (),
            use_ground_plane: bool = False,
            stop_epoch: int | None = None,
            images: dict | PastingOptions | None = None,
    ) -> None:
        self.source = source = argument_object(self, 'database', database)
        self.pasting = None if images is None else argument_object(self, 'images', images)
        if self.pasting is not None and not self.pasting.paste:
            self.pasting = None
        self.use = list(range(source.columns)) if source.use is None else list(source.use)
        self.classes, self.fill_up = tuple(classes), fill_up
        self.groups = dict.fromkeys(classes, groups) if isinstance(groups, int) else dict(groups)
        self.use_ground_plane, self.stop_epoch = use_ground_plane, stop_epoch
        self._missed_plane = False
        self.unlabeled = set(unlabeled)
        self.database = load_index(
            source.info_path, (*self.classes, *unlabeled), self.groups, source.min_points or {},
            set(source.removed_difficulties), self.pasting is not None)
        refuse_foreign_objects(self.database, source.info_path, source.data_root, source.columns)

    def transform(self, results: dict) -> dict:
        """Add objects to one sample."""
        if self.stop_epoch is not None and results.get('epoch', 0) >= self.stop_epoch:
            return results
        scene = camera_scene(results) if self.pasting else None
        chosen = self._choose(results, scene)
        if chosen:
            remain = self._add_points(results, chosen, scene)
            self._add_annotations(results, [
                item for item, count in zip(chosen, remain, strict=True)
                if count and item.entry['name'] not in self.unlabeled])
        return results

    def _choose(self, results: dict, scene: CameraScene | None) -> list[PlacedObject]:
        """Draw objects that overlap neither the sample's boxes nor each other."""
        labels = np.asarray(results['gt_labels_3d'])
        plane = self._plane(results)
        taken, chosen = results['gt_bboxes_3d'].tensor.numpy()[:, :7], []
        for name, wanted in self.groups.items():
            counted = self.fill_up and name not in self.unlabeled
            present = (labels == self.classes.index(name)).sum() if counted else 0
            entries = self.database[name]
            draw = np.random.permutation(len(entries))[:max(wanted - int(present), 0)]
            candidates = [_place(entries[number], plane, scene) for number in draw]
            for item in _apart(candidates, taken):
                if scene is not None:
                    views = scene.place(item.box, item.entry['crops'],
                                        self.pasting.max_image_overlap, self.pasting.max_occlusion)
                    if views is None:
                        continue
                    item.views = views
                    scene.add(item.box)
                chosen.append(item)
                taken = np.concatenate([taken, item.box[None, :7]])
        return chosen

    def _plane(self, results: dict) -> np.ndarray | None:
        """The road of a sample, if objects are to stand on it."""
        if not self.use_ground_plane:
            return None
        if results.get('plane') is None and not self._missed_plane:
            self._missed_plane = True
            warnings.warn('GroundTruthSampling: a sample has no ground plane, so objects keep '
                          'their height above the sensor there; further ones are not reported. '
                          "KITTI's planes are a download of their own, read from planes/ by "
                          'create-data kitti', stacklevel=3)
        return results.get('plane')

    def _add_points(self, results: dict, chosen: list[PlacedObject],
                    scene: CameraScene | None) -> np.ndarray:
        """Change the points; how many each added object has in the end."""
        added = [points_of(item, self.source.data_root, self.source.columns)[:, self.use]
                 for item in chosen]
        old = results['points'].tensor.numpy()
        if old.shape[1] != len(self.use):
            raise ConfigError(f'the sample has {old.shape[1]} numbers per point, the database '
                              f'{len(self.use)}: set columns and use in the database of '
                              f'GroundTruthSampling')
        free = np.ones(len(old), dtype=bool)
        free[points_in_any_box(old, np.stack([item.box[:7] for item in chosen]))] = False
        points = np.concatenate([*added, old[free]])
        numbers = np.full(len(points), BACKGROUND)
        first = len(results['gt_bboxes_3d'])  # added objects are numbered after the sample's own
        counts = [len(part) for part in added]
        numbers[:sum(counts)] = np.repeat(first + np.arange(len(counts)), counts)
        if scene is not None:
            kept = ~self._paste(results, chosen, scene, points, numbers)
            points, numbers = points[kept], numbers[kept]
        results['points'] = LiDARPoints(points, points_dim=points.shape[1])
        return np.bincount(numbers[numbers >= 0] - first, minlength=len(chosen))

    def _paste(self, results: dict, chosen: list[PlacedObject], scene: CameraScene,
               points: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Paste the objects' pictures; which points (N,) they hide."""
        scene.paint(self.source.data_root, [item.views for item in chosen],
                    self.pasting.published_list_order)
        single = not isinstance(results['img'], list)
        results['img'] = scene.images[0] if single else scene.images
        if self.pasting.published_keep_hidden_points:
            return np.zeros(len(points), dtype=bool)
        return scene.contradicting_points(points, numbers)

    def _add_annotations(self, results: dict, chosen: list[PlacedObject]) -> None:
        _check_fields(results)
        old = results['gt_bboxes_3d']
        rows = np.zeros((len(chosen), old.tensor.shape[1]), dtype=np.float32)
        for row, item in zip(rows, chosen, strict=True):  # without a velocity it stands still
            row[:len(item.box)] = item.box[:len(row)]
        results['gt_bboxes_3d'] = old.new_box(torch.cat([old.tensor, torch.from_numpy(rows)]))
        labels = [self.classes.index(item.entry['name']) for item in chosen]
        results['gt_labels_3d'] = np.concatenate([results['gt_labels_3d'], labels]).astype(np.int64)
        if 'attr_labels' in results:
            attributes = [item.entry.get('attr_label', NO_ATTRIBUTE) for item in chosen]
            results['attr_labels'] = np.concatenate(
                [results['attr_labels'], attributes]).astype(np.int64)
        if 'gt_keypoints_3d' in results and chosen:
            results['gt_keypoints_3d'] = _with_keypoints(results['gt_keypoints_3d'], chosen)


def _place(entry: dict, plane: np.ndarray | None, scene: CameraScene | None) -> PlacedObject:
    """Where an object of the database stands in this sample."""
    item = PlacedObject(entry, np.asarray(entry['box3d_lidar'], dtype=np.float32))
    if scene is not None and len(scene.images) == 1 and entry['crops']:
        source = np.asarray(entry['crops'][0]['lidar2img'], dtype=np.float64)
        item.move_to(np.linalg.inv(scene.lidar2img[0]) @ source)  # same pixels and depths
    if plane is not None:
        lift = np.eye(4)
        lift[2, 3] = -_height_above(np.asarray(plane), item.box[:3])
        item.move_to(lift)
    return item


def _apart(candidates: list[PlacedObject], taken: np.ndarray) -> list[PlacedObject]:
    """Those candidates, in order, that overlap neither ``taken`` nor an earlier one."""
    if not candidates:
        return []
    boxes = np.stack([item.box[:7] for item in candidates])
    collide = boxes_collide(boxes, np.concatenate([taken, boxes]))
    free = ~collide[:, :len(taken)].any(axis=1)
    among = collide[:, len(taken):]
    kept: list[int] = []
    for number in np.flatnonzero(free):
        if not among[number, kept].any():
            kept.append(number)
    return [candidates[number] for number in kept]


def _check_fields(results: dict) -> None:
    known = {'gt_bboxes_3d', 'gt_labels_3d', 'gt_keypoints_3d', 'attr_labels'}
    for key in PER_OBJECT:
        if key in results and key not in known:
            raise ConfigError(f'GroundTruthSampling does not know {key} of the objects it adds; '
                              f'leave it out of the annotations or make it later in the pipeline')


def _with_keypoints(old: Keypoints3D, chosen: list[PlacedObject]) -> Keypoints3D:
    found = [keypoints_of(item, old.points.shape[1]) for item in chosen]
    points, visible = (torch.from_numpy(np.stack(part)) for part in zip(*found, strict=True))
    added = Keypoints3D(points.to(old.points.dtype), visible.to(old.visibility.dtype),
                        old.left_right_pairs)
    return Keypoints3D.cat([old, added])


def _height_above(plane: np.ndarray, point: np.ndarray) -> float:
    """Vertical distance of a point from the plane a x + b y + c z + d = 0."""
    return float(point.astype(np.float64) @ plane[:3] + plane[3]) / float(plane[2])
