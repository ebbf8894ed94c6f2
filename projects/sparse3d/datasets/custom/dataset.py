"""A data set of one's own for 3D detection."""
from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet3d.registry import DATASETS, TRANSFORMS
from mmdet3d.structures import LiDARPoints

from sparse3d.datasets.detection_dataset import BOX_KEY, DetectionDataset, refuse_unknown_classes
from sparse3d.errors import ConfigError
from sparse3d.transforms.camera_history import CameraImage
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.given_arrays import given_points
from sparse3d.transforms.named_columns import column_names


@DATASETS.register_module()
class CustomDetectionDataset(DetectionDataset):
    """Frames of :func:`sparse3d.datasets.custom.prepare.frames.prepare_custom`.

    A pipeline finds ``lidar_points`` (``lidar_path``), ``images`` by camera (``img_path``,
    ``cam2img``, ``lidar2cam``, ``lidar2img``), with ``modality=dict(use_camera=True)`` the same
    as one frame of ``image_frames`` for ``LoadMultiViewImages``, and ``ann_info`` in training or
    ``eval_ann_info`` in testing: ``gt_bboxes_3d`` (7 or 9 numbers, bottom center, LiDAR
    frame), ``gt_labels_3d``.

    Args:
        metainfo: ``dict(classes=[...])``, names as in the box files; others are left out.
        velocities: boxes of nine numbers; unknown velocities are 0.
        options: those of :class:`~sparse3d.datasets.detection_dataset.DetectionDataset`, which
            names errors as well.

    Raises:
        ConfigError: for a class that occurs in no box.
    """

    info_kind, title, entry_name = 'custom', 'the data set', 'frame of custom data'
    remake = 'sparse3d create-data custom {data_root}'

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 velocities: bool = False, **options) -> None:
        if not (metainfo or {}).get('classes'):
            raise ConfigError('custom data needs metainfo=dict(classes=[...]): the classes to '
                              'detect')
        self.METAINFO = dict(classes=tuple(metainfo['classes']))  # mmdet3d looks names up there
        self.velocities = velocities
        options.setdefault('data_prefix', dict(pts='', img=''))
        super().__init__(data_root, ann_file, metainfo, **options)

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline."""
        info = super().get_data_info(index)
        if self.modality['use_camera']:
            info['image_frames'] = [{
                camera: CameraImage(image['img_path'], image['lidar2cam'], image['cam2img'], 0.0)
                for camera, image in info['images'].items()}]
        return info

    def choose_frames(self, entries: list[dict]) -> list[dict]:
        """All of them; the info file says which classes its boxes have."""
        known = tuple(self.metainfo.get('categories', ()))
        if known:
            refuse_unknown_classes(self.metainfo['classes'], known,
                                   f'occurs in no box of {self.ann_file}, which has')
        return entries

    def content_of(self, entries: list[dict]) -> dict[str, Iterable]:
        """Columns of the point clouds, and cameras."""
        return dict(columns=(entry['lidar_points']['num_pts_feats'] for entry in entries),
                    cameras=(camera for entry in entries for camera in entry['images']))

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        path = str(path_inside(self.data_root, info['lidar_points']['lidar_path']))
        columns = info['lidar_points']['num_pts_feats']
        sample = dict(
            sample_idx=info['sample_idx'], lidar_path=path, num_pts_feats=columns,
            lidar_points=dict(lidar_path=path, num_pts_feats=columns),
            images={camera: self._image(image) for camera, image in info['images'].items()})
        if 'instances' in info:
            sample.update(self.annotations(self._objects(info['instances'])))
        return sample

    def _objects(self, instances: list[dict]) -> dict[str, np.ndarray]:
        names = list(self.metainfo['classes'])
        kept = [item for item in instances if item['name'] in names]
        width = 9 if self.velocities else 7
        boxes = np.zeros((len(kept), width))
        for row, item in enumerate(kept):
            boxes[row, :7] = item['bbox_3d']
            if self.velocities and len(item['velocity']) == 2:
                boxes[row, 7:] = np.nan_to_num(item['velocity'])
        labels = [names.index(item['name']) for item in kept]
        return {BOX_KEY: boxes.astype(np.float32),
                'gt_labels_3d': np.array(labels, dtype=np.int64),
                'num_lidar_pts': np.array([item['num_lidar_pts'] for item in kept], np.int64)}

    def _image(self, image: Mapping) -> dict:
        matrices = {key: np.array(image[key], np.float64)
                    for key in ('cam2img', 'lidar2cam', 'lidar2img')}
        return dict(matrices, img_path=str(path_inside(self.data_root, image['img_path'])))


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
            points = read_cloud(results['lidar_points']['lidar_path'], self.columns)
        points = points[np.isfinite(points).all(axis=1)]
        results['points'] = LiDARPoints(points, points_dim=self.columns)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(columns={self.columns})'
