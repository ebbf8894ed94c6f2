"""Waymo for 3D detection: info files of the mmdet3d 1.4 layout, with tracks and earlier frames."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sparse3d.compat.applied  # noqa: F401  (mmdet3d's data sets load only then)

# isort: split
import numpy as np
from mmdet3d.registry import DATASETS

from sparse3d.datasets.detection_dataset import DetectionDataset
from sparse3d.datasets.waymo.objects import object_arrays, with_keypoints
from sparse3d.errors import ConfigError, DataError
from sparse3d.transforms.data_paths import path_inside

# Folder of a frame by the first digit of its seven-digit name.
FOLDERS = {'0': 'training', '1': 'validation', '2': 'testing',
           '3': 'testing_3d_camera_only_detection'}
IMAGE_FOLDERS = dict(CAM_FRONT='image_0', CAM_FRONT_LEFT='image_1', CAM_FRONT_RIGHT='image_2',
                     CAM_SIDE_LEFT='image_3', CAM_SIDE_RIGHT='image_4')


@DATASETS.register_module()
class WaymoDetectionDataset(DetectionDataset):
    """Frames of :func:`sparse3d.datasets.waymo.prepare.prepare_waymo`, or of mmdet3d's own
    preparation.

    A sample has, beside mmdet3d's fields, ``timestamp`` [us], ``ego2global`` (4, 4 float64),
    ``context_name`` and ``lidar_sweeps`` (earlier frames, newest first, each with
    ``lidar_path``, ``timestamp``, ``ego2global``; read by ``LoadWaymoPoints``). Its
    annotations are ``gt_bboxes_3d`` (LiDAR boxes, bottom center), ``gt_labels_3d``,
    ``gt_keypoints_3d`` (``Keypoints3D``; visibility 0 for objects without labeled joints),
    ``track_ids``, ``difficulties`` (0 where unknown) and ``num_lidar_pts``.

    The folder of a frame follows from its name, so ``waymo_infos_trainval.pkl`` works too.
    Classes are some of Car (Waymo's vehicles), Pedestrian, Cyclist.

    Args:
        load_interval: take every n-th frame.
        max_sweeps: how many earlier frames a sample may ask for; all of them stay in memory.
        with_velocity: boxes have vx, vy [m/s] in the LiDAR frame behind the yaw, 0 if unknown.
        options: those of :class:`~sparse3d.datasets.detection_dataset.DetectionDataset`, which
            names errors as well.
    """

    info_kind, title, entry_name = 'waymo', 'Waymo', 'Waymo frame'
    remake = 'sparse3d create-data waymo'
    METAINFO = dict(classes=('Car', 'Pedestrian', 'Cyclist'),
                    palette=[(0, 120, 255), (0, 232, 157), (255, 205, 85)],
                    ground_height=0.0)  # of the vehicle frame

    def __init__(self, data_root: str, ann_file: str, metainfo: Mapping | None = None,
                 modality: Mapping | None = None, load_interval: int = 1, max_sweeps: int = 3,
                 with_velocity: bool = False, **options) -> None:
        if load_interval < 1:
            raise ConfigError(f'load_interval is {load_interval}; it counts frames from 1')
        self._load_interval, self._with_velocity = load_interval, with_velocity
        self._max_sweeps = max_sweeps
        super().__init__(data_root, ann_file, metainfo, modality,
                         data_prefix=dict(pts='', img=''), **options)

    def get_data_info(self, index: int) -> dict:
        """Description of one sample before the pipeline."""
        info = super().get_data_info(index)
        for key in ('ann_info', 'eval_ann_info'):
            if key in info:
                info[key] = with_keypoints(info[key])
        return info

    def choose_frames(self, entries: list[dict]) -> list[dict]:
        """Every n-th, ``load_interval``."""
        return entries[::self._load_interval]

    def paths_of(self, data_list: list[dict]) -> list[Path]:
        """Point clouds and pictures."""
        images = [Path(image['img_path']) for entry in data_list
                  for image in entry['images'].values()] if self.modality['use_camera'] else []
        return super().paths_of(data_list) + images

    def choose_objects(self, instances: list[dict]) -> list[dict]:
        """Objects of a frame that become ground truth: here those with a known class."""
        return [item for item in instances if self.label_of(item) >= 0]

    def label_of(self, instance: Mapping) -> int:
        """Class number of an object, -1 for a class that is not used."""
        return self.label_mapping.get(instance['bbox_label_3d'], -1)

    def parse_data_info(self, info: dict) -> dict:
        """Turn an entry of the info file into a sample's description."""
        sample = {key: info[key] for key in ('sample_idx', 'timestamp', 'context_name')
                  if key in info}
        sample['ego2global'] = np.array(info['ego2global'], dtype=np.float64)
        lidar = info['lidar_points']
        path = self._path('velodyne', lidar['lidar_path'])
        sweeps = info.get('lidar_sweeps', [])
        sample.update(lidar_points=dict(lidar, lidar_path=path), lidar_path=path,
                      num_pts_feats=lidar.get('num_pts_feats', 6),
                      lidar_sweeps=[self._sweep(sweep) for sweep in sweeps[:self._max_sweeps]],
                      more_sweeps=len(sweeps) > self._max_sweeps)
        if self.modality['use_camera'] or self.test_mode:  # in testing: to draw on
            sample['images'] = {name: self._image(name, image)
                                for name, image in info.get('images', {}).items()}
        sample.update(self._annotations(info))
        return sample

    def _annotations(self, info: Mapping) -> dict[str, Any]:
        objects = self.choose_objects(info.get('instances', []))
        labels = [self.label_of(item) for item in objects]
        return self.annotations(object_arrays(objects, labels, self._with_velocity))

    def _sweep(self, sweep: Mapping) -> dict[str, Any]:
        return dict(lidar_path=self._path('velodyne', sweep['lidar_points']['lidar_path']),
                    timestamp=sweep['timestamp'],
                    ego2global=np.array(sweep['ego2global'], dtype=np.float64))

    def _image(self, name: str, image: Mapping) -> dict[str, Any]:
        path = self._path(IMAGE_FOLDERS[name], image['img_path'])
        matrices = {key: np.array(image[key], dtype=np.float64)
                    for key in ('cam2img', 'lidar2cam', 'lidar2img') if key in image}
        return dict(matrices, img_path=path, height=image['height'], width=image['width'])

    def _path(self, kind: str, name: str) -> str:
        folder = FOLDERS.get(name[:1])
        if folder is None:
            raise DataError(f'the file name {name!r} in {self.ann_file} does not begin with the '
                            f'digit of a split, as 1002017.bin does')
        return str(path_inside(Path(self.data_root or '') / folder / kind, name))
