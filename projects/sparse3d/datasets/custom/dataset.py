"""A data set of one's own for 3D detection."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.datasets.custom.camera_frames import CustomCameraFrames
from sparse3d.datasets.detection_dataset import BOX_KEY, DetectionDataset, refuse_unknown_classes
from sparse3d.engine.agreement.statements import Reading, states
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.camera_frames import FrameChoice
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.given_arrays import given_points
from sparse3d.transforms.named_columns import column_names


@DATASETS.register_module()
class CustomDetectionDataset(DetectionDataset):
    """Frames of :func:`sparse3d.datasets.custom.prepare.frames.prepare_custom`.

    A pipeline finds ``frame_name``, ``lidar_points`` (``lidar_path``; frames of cameras alone have
    none), ``images`` by camera (``img_path``, ``cam2img``, ``lidar2cam``, ``lidar2img``), with
    ``modality=dict(use_camera=True)`` the same as ``image_frames`` for ``LoadMultiViewImages``
    (now first; a camera without a picture is absent), ``timestamp``, ``scene_token`` and
    ``lidar2global`` where ``frames.json`` told them, and ``ann_info`` in training or
    ``eval_ann_info`` in testing: ``gt_bboxes_3d`` (7 or 9 numbers, bottom center, LiDAR
    frame), ``gt_labels_3d``, ``num_lidar_pts`` (-1 where there is no cloud).

    Args:
        metainfo: ``dict(classes=[...])``, names as in the box files; others are left out.
        velocities: boxes of nine numbers.
        unknown_velocities: ``'zero'``, or ``'nan'`` for ``MarkUnknownVelocities``.
        modality: ``dict(use_lidar=..., use_camera=...)``; by default points alone.
        frames: options of :class:`~sparse3d.transforms.camera_frames.FrameChoice`, for pictures.
        absent_classes: classes of ``metainfo`` that may occur in no box, as in a split without.
        options: those of :class:`~sparse3d.datasets.detection_dataset.DetectionDataset`, which
            names errors as well.

    Raises:
        ConfigError: for a class that occurs in no box, or an unknown option.
        DataError: for frames that lack the points or pictures that are wanted.
    """

    info_kind, title, entry_name = 'custom', 'the data set', 'frame of custom data'
    remake = 'sparse3d create-data custom {data_root}'

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 velocities: bool = False, modality: Mapping | None = None,
                 unknown_velocities: str = 'zero', frames: Mapping | None = None,
                 absent_classes: Sequence[str] = (), **options) -> None:
        if not (metainfo or {}).get('classes'):
            raise ConfigError('custom data needs metainfo=dict(classes=[...]): the classes to '
                              'detect')
        self.METAINFO = dict(classes=tuple(metainfo['classes']))  # mmdet3d looks names up there
        if unknown_velocities not in ('zero', 'nan'):
            raise ConfigError(f"unknown_velocities is 'zero' or 'nan', not {unknown_velocities!r}")
        self.velocities, self._absent_classes = velocities, tuple(absent_classes)
        self._unknown_velocities = np.nan if unknown_velocities == 'nan' else 0.0
        self.frame_choice = FrameChoice(**(frames or {}))
        modality = dict(dict(use_lidar=True, use_camera=False), **(modality or {}))
        options.setdefault('data_prefix', dict(pts='', img=''))
        super().__init__(data_root, ann_file, metainfo, modality, **options)

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline."""
        info = super().get_data_info(index)
        if self.modality['use_camera']:
            info['image_frames'] = self._camera_frames.load(info['row'], not self.test_mode)
        return info

    def choose_frames(self, entries: list[dict]) -> list[dict]:
        """All of them; the info file says which classes its boxes have."""
        known = tuple(self.metainfo.get('categories', ()))
        if known:
            refuse_unknown_classes(self.metainfo['classes'], (*known, *self._absent_classes),
                                   f'occurs in no box of {self.ann_file}, which has')
        self._refuse_absent_sensors(entries)
        return entries

    def content_of(self, entries: list[dict]) -> dict[str, Iterable]:
        """Columns of the point clouds, and cameras."""
        return dict(columns=(entry['lidar_points']['num_pts_feats'] for entry in entries
                             if 'lidar_points' in entry),
                    cameras=(camera for entry in entries for camera in entry['images']))

    def finish(self, entries: list[dict]) -> None:
        """Find the frames before and after each, for models of several."""
        if self.modality['use_camera']:
            self._camera_frames = CustomCameraFrames(entries, Path(self.data_root),
                                                     self.frame_choice, self.ann_file)

    def paths_of(self, data_list: list[dict]) -> list[Path]:
        """Point clouds and pictures, if they are read."""
        pictures = [Path(image['img_path']) for entry in data_list
                    for image in entry['images'].values()] if self.modality['use_camera'] else []
        return super().paths_of(data_list) + pictures

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        sample = dict(
            sample_idx=info['sample_idx'], frame_name=str(info['sample_idx']),
            images={camera: self._image(image) for camera, image in info['images'].items()})
        if 'lidar_points' in info:
            path = str(path_inside(self.data_root, info['lidar_points']['lidar_path']))
            columns = info['lidar_points']['num_pts_feats']
            sample.update(lidar_path=path, num_pts_feats=columns,
                          lidar_points=dict(lidar_path=path, num_pts_feats=columns))
        sample.update({key: info[key] for key in ('scene_token', 'timestamp') if key in info})
        if 'lidar2global' in info:
            sample['lidar2global'] = np.array(info['lidar2global'], np.float64)
        if 'instances' in info:
            sample.update(self.annotations(self._objects(info['instances'])))
        return sample

    def _objects(self, instances: list[dict]) -> dict[str, np.ndarray]:
        names = list(self.metainfo['classes'])
        kept = [item for item in instances if item['name'] in names]
        width = 9 if self.velocities else 7
        boxes = np.full((len(kept), width), self._unknown_velocities)
        for row, item in enumerate(kept):
            boxes[row, :7] = item['bbox_3d']
            if self.velocities and len(item['velocity']) == 2:
                known = np.isfinite(item['velocity']).all()
                boxes[row, 7:] = item['velocity'] if known else self._unknown_velocities
        labels = [names.index(item['name']) for item in kept]
        return {BOX_KEY: boxes.astype(np.float32),
                'gt_labels_3d': np.array(labels, dtype=np.int64),
                'num_lidar_pts': np.array([item['num_lidar_pts'] for item in kept], np.int64)}

    def _image(self, image: Mapping) -> dict:
        matrices = {key: np.array(image[key], np.float64)
                    for key in ('cam2img', 'lidar2cam', 'lidar2img')}
        return dict(matrices, img_path=str(path_inside(self.data_root, image['img_path'])))

    def _refuse_absent_sensors(self, entries: list[dict]) -> None:
        """Points or pictures that are wanted and that no frame, or not every frame, has."""
        if self.modality['use_lidar']:
            without = [entry['sample_idx'] for entry in entries if 'lidar_points' not in entry]
            if without:
                raise DataError(f'{self.ann_file} has no cloud of {without[0]} ({len(without)} of '
                                f'{len(entries)} frames have pictures alone); for a camera model '
                                f'set modality=dict(use_lidar=False, use_camera=True)')
        if self.modality['use_camera'] and entries \
                and not any(entry.get('images') for entry in entries):
            raise DataError(f'{self.ann_file} has no pictures, which modality=dict('
                            f'use_camera=True) wants; put them into images/<camera>/')


@states('CustomDetectionDataset')
def frames_of_pictures(config: Mapping) -> Reading:
    """Frames of images, if there are images."""
    if (config.get('modality') or {}).get('use_camera'):
        frames = config.get('frames') or {}
        yield 'data.frames', frames.get('num_frames', 1), 'frames.num_frames'
        yield 'data.frame_kind', frames.get('kind', 'past'), 'frames.kind'


@TRANSFORMS.register_module()
class LoadPointFile(BaseTransform):
    """Read a point cloud of any format that :func:`read_cloud` knows.

    Needs ``lidar_points.lidar_path``, or ``points`` of as many columns
    (:mod:`sparse3d.transforms.given_arrays`); adds ``points`` (``LiDARPoints``).

    Args:
        columns: numbers of a point, x, y, z first.

    Raises:
        DataError: see :func:`sparse3d.transforms.cloud_files.read_cloud`.
    """

    def __init__(self, columns: int = 4) -> None:
        self.columns, self.point_columns = columns, column_names(columns)

    def transform(self, results: dict) -> dict:
        """Add ``points`` to the sample."""
        points = given_points(results, self.point_columns)
        if points is None:
            if 'lidar_points' not in results:
                raise DataError(f'the frame {results.get("frame_name")} has no cloud to load; '
                                f'leave LoadPointFile out for a camera model')
            points = read_cloud(results['lidar_points']['lidar_path'], self.columns)
        points = points[np.isfinite(points).all(axis=1)]
        results['points'] = LiDARPoints(points, points_dim=self.columns)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(columns={self.columns})'
