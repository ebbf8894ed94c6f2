"""Argoverse 2 for 3D detection: info files of the mmdet3d 1.4 layout, with earlier sweeps."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmdet3d.registry import DATASETS

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.detection_dataset import DetectionDataset
from sparse3d.errors import ConfigError
from sparse3d.transforms.data_paths import path_inside

_COLORS = [(0, 120, 255), (0, 232, 157), (255, 205, 85), (230, 80, 80), (160, 110, 230),
           (120, 200, 230)]


@DATASETS.register_module()
class Argoverse2DetectionDataset(DetectionDataset):
    """Frames of :func:`sparse3d.datasets.argoverse2.prepare.prepare_argoverse2`.

    A sample has, beside mmdet3d's fields, ``timestamp`` [s], ``timestamp_ns``, ``ego2global``
    (4, 4 float64, vehicle to city), ``log_id`` and ``lidar_sweeps`` (earlier sweeps, newest
    first; read by ``LoadArgoverse2Points``). Its annotations are ``gt_bboxes_3d`` (LiDAR boxes,
    bottom center, vehicle frame), ``gt_labels_3d``, ``track_ids`` and ``num_lidar_pts``. The
    points are those of both LiDARs in the vehicle frame and reach 200 m.

    Classes are some of the 26 of the benchmark.

    Args:
        load_interval: take every n-th frame.
        max_sweeps: how many earlier sweeps a sample may ask for.
        with_velocity: boxes have vx, vy [m/s] behind the yaw, 0 if unknown.
        min_points: objects with fewer LiDAR points are no ground truth in training; the benchmark
            does not count those without any.
        options: those of :class:`~sparse3d.datasets.detection_dataset.DetectionDataset`, which
            names errors as well.
    """

    info_kind, title, entry_name = 'argoverse2', 'Argoverse 2', 'frame of Argoverse 2'
    remake = 'sparse3d create-data argoverse2 {data_root}'
    METAINFO = dict(classes=CLASSES,
                    palette=[_COLORS[row % len(_COLORS)] for row in range(len(CLASSES))],
                    ground_height=-0.4)  # of the vehicle frame, at the rear axle

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 modality: Mapping | None = None, load_interval: int = 1, max_sweeps: int = 4,
                 with_velocity: bool = False, min_points: int = 1, **options) -> None:
        if load_interval < 1:
            raise ConfigError(f'load_interval is {load_interval}; it counts frames from 1')
        self._load_interval, self._max_sweeps = load_interval, max_sweeps
        self._with_velocity, self._min_points = with_velocity, min_points
        super().__init__(data_root, ann_file, metainfo, modality,
                         data_prefix=dict(pts='', img=''), **options)

    def choose_frames(self, entries: list[dict]) -> list[dict]:
        """Every n-th, ``load_interval``."""
        return entries[::self._load_interval]

    def paths_of(self, data_list: list[dict]) -> list[Path]:
        """Point clouds and pictures."""
        images = [Path(image['img_path']) for entry in data_list
                  for image in entry['images'].values()] if self.modality['use_camera'] else []
        return super().paths_of(data_list) + images

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        sample = {key: info[key] for key in ('sample_idx', 'token', 'log_id', 'timestamp',
                                             'timestamp_ns')}
        sample['ego2global'] = np.array(info['ego2global'], dtype=np.float64)
        sample['lidar2global'] = sample['ego2global']
        lidar, sweeps = info['lidar_points'], info.get('lidar_sweeps', [])
        path = self._path(lidar['lidar_path'])
        sample.update(lidar_points=dict(lidar, lidar_path=path), lidar_path=path,
                      num_pts_feats=lidar.get('num_pts_feats', 4),
                      lidar_sweeps=[self._sweep(sweep) for sweep in sweeps[:self._max_sweeps]],
                      more_sweeps=len(sweeps) > self._max_sweeps)
        if self.modality['use_camera'] or self.test_mode:  # in testing: to draw on
            sample['images'] = {name: self._image(image)
                                for name, image in info.get('images', {}).items()}
        if 'instances' in info:
            sample.update(self.annotations(self._objects(info['instances'])))
        return sample

    def _objects(self, instances: list[dict]) -> dict[str, Any]:
        wanted = 0 if self.test_mode else self._min_points
        labeled = [(item, self.label_mapping.get(item['bbox_label_3d'], -1)) for item in instances
                   if item['num_lidar_pts'] >= wanted]
        labeled = [(item, label) for item, label in labeled if label >= 0]
        items = [item for item, _ in labeled]
        boxes = np.array([item['bbox_3d'][:7] for item in items], np.float32).reshape(-1, 7)
        if self._with_velocity:
            unknown = (np.nan, np.nan)
            velocity = np.array([item.get('velocity', unknown) for item in items], np.float32)
            boxes = np.concatenate([boxes, np.nan_to_num(velocity.reshape(-1, 2))], axis=1)
        return dict(
            gt_bboxes_3d=boxes, gt_labels_3d=np.array([label for _, label in labeled], np.int64),
            track_ids=np.array([item.get('track_id', '') for item in items], dtype=object),
            num_lidar_pts=np.array([item['num_lidar_pts'] for item in items], np.int64))

    def _sweep(self, sweep: Mapping) -> dict[str, Any]:
        return dict(lidar_path=self._path(sweep['lidar_points']['lidar_path']),
                    timestamp_ns=sweep['timestamp_ns'],
                    ego2global=np.array(sweep['ego2global'], dtype=np.float64))

    def _image(self, image: Mapping) -> dict[str, Any]:
        matrices = {key: np.array(image[key], dtype=np.float64)
                    for key in ('cam2img', 'lidar2cam', 'cam2ego', 'ego2global') if key in image}
        return dict(matrices, img_path=self._path(image['img_path']), height=image['height'],
                    width=image['width'], timestamp=image['timestamp'])

    def _path(self, name: str) -> str:
        return str(path_inside(Path(self.data_root or ''), name))
