"""One nuScenes sample as an entry of an info file in the layout of mmdet3d 1.4."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparse3d.datasets.nuscenes.categories import (
    ATTRIBUTES,
    CLASS_OF_CATEGORY,
    CLASSES,
    NO_ATTRIBUTE,
)
from sparse3d.datasets.nuscenes.prepare.camera_instances import camera_instances
from sparse3d.datasets.nuscenes.prepare.parts_there import LIDAR
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.datasets.nuscenes.prepare.tables import matrix_of, sensor2global
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import lidar_to_center, nuscenes_to_lidar
from sparse3d.structures.quaternions import rotation_matrices
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.image_files import image_file_fault


@dataclass
class SampleReader:
    """Reads samples; absent files go to ``missing``, damaged pictures to ``damaged``.

    ``cameras`` are the channels whose pictures are wanted; without ``lidar`` no point cloud is
    looked for.
    """
    tables: NuScenesTables
    lidar_sweeps: int = 10
    camera_sweeps: int = 5
    cameras: tuple[str, ...] = ()
    lidar: bool = True
    missing: dict[str, None] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    def read(self, sample: dict, number: int, place: int) -> dict | None:
        """Entry of a sample, None if its key sweep, or without LiDAR every picture, is absent.

        Args:
            sample: record of the table.
            number: ``sample_idx`` of the entry.
            place: of the sample in its scene.
        """
        if LIDAR not in sample['data']:
            raise DataError(f'sample {sample["token"]} has no record of {LIDAR} in sample_data: '
                            f'boxes and cameras are given in its frame; camera data without a '
                            f'LiDAR need records with its pose (files are not needed)')
        data = self.tables.get('sample_data', sample['data'][LIDAR])
        if self.lidar and not self._exists(data):
            return None
        self._refuse_other_folder(data)
        scene = self.tables.get('scene', sample['scene_token'])
        lidar2global = sensor2global(self.tables, data)
        entry = dict(
            sample_idx=number, token=sample['token'], timestamp=sample['timestamp'] / 1e6,
            ego2global=self._ego2global(data), scene_token=scene['token'],
            scene_name=scene['name'], frame_idx=place, prev=sample['prev'], next=sample['next'],
            lidar_points=dict(num_pts_feats=5, lidar_path=Path(data['filename']).name,
                              lidar2ego=self._sensor2ego(data), sample_data_token=data['token']))
        sweeps = [self._sweep(older, lidar2global)
                  for older in self._older(data, self.lidar_sweeps if self.lidar else 0)]
        if sweeps:  # mmdet3d pads samples that lack the key
            entry['lidar_sweeps'] = sweeps
        entry['images'] = self._images(sample, lidar2global)
        if not self.lidar and not entry['images']:
            return None
        entry['image_sweeps'] = self._image_sweeps(sample, lidar2global)
        if not self.tables.version.endswith('test'):
            self._annotate(entry, sample, lidar2global)
        return entry

    def _annotate(self, entry: dict, sample: dict, lidar2global: np.ndarray) -> None:
        records = [self.tables.get('sample_annotation', token) for token in sample['anns']]
        entry['instances'] = self._instances(records, lidar2global)
        rotations = [lidar2global[:3, :3].T @ rotation_matrices(record['rotation'])
                     for record in records]
        entry['cam_instances'] = {
            camera: camera_instances(entry['instances'], np.array(image['lidar2cam']),
                                     np.array(image['cam2img']),
                                     (image['height'], image['width']), rotations)
            for camera, image in entry['images'].items()}
        seen = {item['instance'] for items in entry['cam_instances'].values() for item in items
                if item['center_inside']}
        for row, item in enumerate(entry['instances']):
            item['seen_by_camera'] = row in seen

    def _instances(self, records: list[dict], lidar2global: np.ndarray) -> list[dict]:
        boxes = lidar_to_center(nuscenes_to_lidar(
            *(np.array([record[key] for record in records]).reshape(len(records), -1)
              for key in ('translation', 'size', 'rotation')), lidar2global)
        ) if records else np.zeros((0, 7))
        return [self._instance(record, box, lidar2global)
                for record, box in zip(records, boxes, strict=True)]

    def _instance(self, record: dict, box: np.ndarray, lidar2global: np.ndarray) -> dict:
        velocity = np.append(self.tables.box_velocity(record['token'])[:2], 0.0)
        name = CLASS_OF_CATEGORY.get(record['category_name'])
        label = CLASSES.index(name) if name else -1
        attributes = [self.tables.get('attribute', token)['name']
                      for token in record['attribute_tokens']]
        known = [ATTRIBUTES.index(name) for name in attributes if name in ATTRIBUTES]
        return dict(
            bbox_3d=box.tolist(), velocity=(velocity @ lidar2global[:3, :3])[:2].tolist(),
            bbox_label=label, bbox_label_3d=label, num_lidar_pts=record['num_lidar_pts'],
            num_radar_pts=record['num_radar_pts'],
            bbox_3d_isvalid=record['num_lidar_pts'] + record['num_radar_pts'] > 0,
            attr_label=known[0] if known else NO_ATTRIBUTE, category=record['category_name'],
            visibility=int(record['visibility_token'] or 0), token=record['token'],
            instance_token=record['instance_token'])

    def _sweep(self, data: dict, lidar2global: np.ndarray) -> dict:
        lidar2sensor = np.linalg.inv(sensor2global(self.tables, data)) @ lidar2global
        return dict(
            timestamp=data['timestamp'] / 1e6, ego2global=self._ego2global(data),
            sample_data_token=data['token'],
            lidar_points=dict(lidar_path=data['filename'], lidar2ego=self._sensor2ego(data),
                              lidar2sensor=lidar2sensor.tolist()))

    def _images(self, sample: dict, lidar2global: np.ndarray) -> dict[str, dict]:
        images = {}
        for camera in self.cameras:
            token = sample['data'].get(camera)
            data = token and self.tables.get('sample_data', token)
            if data and self._exists(data):
                self._refuse_other_folder(data)
                images[camera] = self._image(data, lidar2global, Path(data['filename']).name)
        return images

    def _image(self, data: dict, lidar2global: np.ndarray, path: str) -> dict:
        calibration = self.tables.get('calibrated_sensor', data['calibrated_sensor_token'])
        lidar2cam = np.linalg.inv(sensor2global(self.tables, data)) @ lidar2global
        return dict(
            img_path=path, cam2img=calibration['camera_intrinsic'], height=data['height'],
            width=data['width'], cam2ego=self._sensor2ego(data), lidar2cam=lidar2cam.tolist(),
            ego2global=self._ego2global(data), sample_data_token=data['token'],
            timestamp=data['timestamp'] / 1e6)

    def _image_sweeps(self, sample: dict, lidar2global: np.ndarray) -> list[dict]:
        """Pictures since the previous key frame, newest first, per camera along its own chain."""
        chains = {camera: self._older(self.tables.get('sample_data', sample['data'][camera]),
                                      self.camera_sweeps, between_keys=True)
                  for camera in self.cameras if camera in sample['data']}
        length = max(map(len, chains.values()), default=0)
        return [dict(images={
            camera: self._image(chain[step], lidar2global, chain[step]['filename'])
            for camera, chain in chains.items() if step < len(chain)}) for step in range(length)]

    def _older(self, data: dict, max_sweeps: int, between_keys: bool = False) -> list[dict]:
        """Earlier data of the same sensor, newest first; absent files are left out."""
        found: list[dict] = []
        passed = {data['token']}
        while data['prev'] and len(found) < max_sweeps:
            data = self.tables.get('sample_data', data['prev'])
            if data['token'] in passed:
                raise DataError(f'the sample_data of {data["channel"]} in {self.tables.dataroot} '
                                f'run in a circle ({data["token"]}); unpack the tables again')
            passed.add(data['token'])
            if between_keys and data['is_key_frame']:
                break
            if self._exists(data):
                found.append(data)
        return found

    def _refuse_other_folder(self, data: dict) -> None:
        """Info files name key frames without their folder, as mmdet3d's do."""
        folder, expected = Path(data['filename']).parent, Path('samples') / data['channel']
        if folder != expected:
            raise DataError(f'{data["filename"]} of {data["channel"]} in {self.tables.dataroot} '
                            f'has to lie in {expected.as_posix()}/, as in nuScenes')

    def _exists(self, data: dict) -> bool:
        """Whether a file is there and, if it is a picture, whole."""
        name = data['filename']
        if name in self.missing or name in self.damaged:
            return False
        path = path_inside(self.tables.dataroot, name)
        if not path.is_file():
            self.missing[name] = None
            return False
        fault = image_file_fault(path) if data['channel'] in self.cameras else None
        if fault is not None:
            self.damaged[name] = fault
        return fault is None

    def _ego2global(self, data: dict) -> list:
        return matrix_of(self.tables.get('ego_pose', data['ego_pose_token'])).tolist()

    def _sensor2ego(self, data: dict) -> list:
        return matrix_of(
            self.tables.get('calibrated_sensor', data['calibrated_sensor_token'])).tolist()
