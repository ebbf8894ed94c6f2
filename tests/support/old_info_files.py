"""Info files in the layouts of mmdet3d before 1.1, written from our own."""
from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
from pyquaternion import Quaternion

from sparse3d.transforms.info_files import read_info_file


def as_old_kitti(root: Path, folder: str = 'training') -> list[dict]:
    """The split as mmdet3d 0.x wrote it: from the text files, with the points counted before."""
    split = 'train' if folder == 'training' else 'test'
    infos = []
    for entry in read_info_file(root / f'kitti_infos_{split}.pkl', 'kitti')['data_list']:
        number = entry['sample_idx']
        image = entry['images']['CAM2']
        infos.append(dict(
            image=dict(image_idx=number, image_path=f'{folder}/image_2/{number:06d}.png',
                       image_shape=np.array([image['height'], image['width']], dtype=np.int32)),
            point_cloud=dict(num_features=4, velodyne_path=f'{folder}/velodyne/{number:06d}.bin'),
            calib=old_calibration(root / folder / f'calib/{number:06d}.txt')))
        if 'instances' in entry:
            infos[-1]['annos'] = old_annotations(
                root / folder / f'label_2/{number:06d}.txt',
                [item['num_lidar_pts'] for item in entry['instances']])
        if 'plane' in entry:
            infos[-1]['plane'] = np.array(entry['plane'])
    return infos


def old_calibration(path: Path) -> dict:
    matrices = {}
    for line in filter(str.strip, path.read_text().splitlines()):
        name, numbers = line.split(':')
        values = np.array(numbers.split(), dtype=np.float64).reshape(3, -1)
        matrices[name] = np.eye(4)
        matrices[name][:3, :values.shape[1]] = values
    return matrices


def old_annotations(path: Path, num_points: list[int]) -> dict:
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    numbers = np.array([row[1:15] for row in rows], dtype=np.float64).reshape(-1, 14)
    known = sum(row[0] != 'DontCare' for row in rows)
    return dict(
        name=np.array([row[0] for row in rows]), truncated=numbers[:, 0],
        occluded=numbers[:, 1].astype(int), alpha=numbers[:, 2], bbox=numbers[:, 3:7],
        dimensions=numbers[:, [9, 7, 8]], location=numbers[:, 10:13], rotation_y=numbers[:, 13],
        score=np.zeros(len(rows)), num_points_in_gt=np.array(num_points, dtype=np.int32),
        index=np.array([*range(known), *[-1] * (len(rows) - known)], dtype=np.int32),
        group_ids=np.arange(len(rows), dtype=np.int32), difficulty=np.zeros(len(rows), np.int32))


def as_old_nuscenes(info: dict, old_convention: bool) -> dict:
    """What mmdet3d before 1.1 would have written, from our own file."""
    def pose(matrix, name):
        matrix = np.array(matrix)
        return {f'{name}_translation': matrix[:3, 3].tolist(),
                f'{name}_rotation': list(Quaternion(matrix=matrix[:3, :3], atol=1e-4, rtol=1e-4))}

    def sensor(record, lidar2sensor, path, sensor2ego):
        inverse = np.linalg.inv(lidar2sensor)
        return dict(data_path=f'./data/nuscenes/{path}', timestamp=record['timestamp'] * 1e6,
                    sample_data_token=record['sample_data_token'],
                    sensor2lidar_rotation=inverse[:3, :3], sensor2lidar_translation=inverse[:3, 3],
                    **pose(sensor2ego, 'sensor2ego'), **pose(record['ego2global'], 'ego2global'))
    infos = []
    for entry in copy.deepcopy(info['data_list']):
        items = entry['instances']
        if old_convention:
            for item in items:
                old_boxes(item)
        lidar = entry['lidar_points']
        infos.append(dict(
            token=entry['token'], timestamp=entry['timestamp'] * 1e6,
            lidar_path=f'./data/nuscenes/samples/LIDAR_TOP/{lidar["lidar_path"]}',
            **pose(lidar['lidar2ego'], 'lidar2ego'), **pose(entry['ego2global'], 'ego2global'),
            sweeps=[sensor(sweep, sweep['lidar_points']['lidar2sensor'],
                           sweep['lidar_points']['lidar_path'], sweep['lidar_points']['lidar2ego'])
                    for sweep in entry.get('lidar_sweeps', ())],
            cams={camera: dict(sensor(image, image['lidar2cam'], image['img_path'],
                                      image['cam2ego']), cam_intrinsic=np.array(image['cam2img']))
                  for camera, image in entry['images'].items()},
            gt_boxes=np.array([item['bbox_3d'] for item in items]),
            gt_names=np.array([item['category'].split('.')[1]
                               for item in items]),
            gt_velocity=np.array([item['velocity'] for item in items]),
            num_lidar_pts=np.array([item['num_lidar_pts'] for item in items]),
            num_radar_pts=np.array([item['num_radar_pts'] for item in items])))
    return dict(infos=infos, metadata=dict(version='v1.0-mini'))


def old_boxes(item):
    x, y, z, length, width, height, yaw = item['bbox_3d']
    item['bbox_3d'] = [x, y, z, width, length, height, -yaw - np.pi / 2]
