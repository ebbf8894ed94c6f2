"""Info files of mmdet3d before 1.1 for nuScenes, converted to the layout of 1.4.

Two kinds of file look alike: up to 0.18 boxes are (x, y, z, w, l, h, -yaw - pi/2), from 1.0 on
(x, y, z, l, w, h, yaw). Nothing in them says which; the shapes of vehicles do.
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pyquaternion import Quaternion

from sparse3d.datasets.nuscenes.prepare.camera_instances import camera_instances
from sparse3d.datasets.nuscenes.prepare.frames import BOX_CONVENTION
from sparse3d.datasets.nuscenes.prepare.sample import CLASSES, NO_ATTRIBUTE
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import wrap_angle
from sparse3d.transforms.info_files import FORMAT_VERSION
from sparse3d.version import __version__

_LONG = ('car', 'truck', 'trailer', 'bus')
_WIDTH_HEIGHT = 1600, 900


def upgraded_nuscenes(old: Mapping, path: Path) -> tuple[dict, list[dict], str]:
    """Metainfo and entries of the new file, and what was done, in words.

    The result serves models of a single frame: old files do not say which samples follow
    each other, have no pictures between key frames and no attributes.

    Args:
        old: what the old file holds.
        path: the old file, for messages.

    Raises:
        DataError: if a sample is damaged, or its boxes could be of either kind.
    """
    infos = old['infos']
    turned = _has_old_boxes(infos, path)
    entries = [_entry(info, row, turned, path) for row, info in enumerate(infos)]
    metainfo = dict(
        categories={name: label for label, name in enumerate(CLASSES)}, dataset='nuscenes',
        version=old.get('metadata', {}).get('version', 'v1.0-trainval'), info_version='1.1',
        stamp=dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION,
                   source=f'{path.name} of mmdet3d {"0.x" if turned else "1.0"}, upgraded',
                   options={}, writer=f'sparse3d {__version__}'))
    return metainfo, entries, ('boxes of mmdet3d 0.x turned and their sizes reordered' if turned
                               else 'boxes of mmdet3d 1.0 kept as they are')


def _has_old_boxes(infos: list[dict], path: Path) -> bool:
    """Whether width comes before length."""
    shapes = [np.asarray(info['gt_boxes'])[np.isin(info['gt_names'], _LONG), 3:5]
              for info in infos if len(info.get('gt_names', ()))]
    ratios = np.concatenate([shape[:, 0] / shape[:, 1] for shape in shapes] or [np.zeros(0)])
    if not any('gt_boxes' in info for info in infos):
        return False
    if len(ratios) < 5 or .8 < np.median(ratios) < 1.25:
        raise DataError(f'{path} holds too few vehicles to tell whether its boxes are of mmdet3d '
                        f'0.x or 1.0; make it again with "sparse3d create-data nuscenes"')
    return bool(np.median(ratios) < 1)


def _entry(info: Mapping, row: int, turned: bool, path: Path) -> dict:
    try:
        entry = dict(
            sample_idx=row, token=info['token'], timestamp=info['timestamp'] / 1e6,
            ego2global=_matrix(info, 'ego2global').tolist(),
            lidar_points=dict(num_pts_feats=5, lidar_path=Path(info['lidar_path']).name,
                              lidar2ego=_matrix(info, 'lidar2ego').tolist()),
            images={camera: _image(image) for camera, image in info.get('cams', {}).items()})
        if info.get('sweeps'):
            entry['lidar_sweeps'] = [_sweep(sweep) for sweep in info['sweeps']]
        if 'gt_boxes' in info:
            entry['instances'] = _instances(info, turned)
            entry['cam_instances'] = {
                camera: camera_instances(entry['instances'], np.array(image['lidar2cam']),
                                         np.array(image['cam2img']), _WIDTH_HEIGHT[::-1])
                for camera, image in entry['images'].items()}
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f'sample {row} of {path} is damaged ({type(error).__name__}: '
                        f'{error})') from error
    return entry


def _instances(info: Mapping, turned: bool) -> list[dict]:
    boxes = np.array(info['gt_boxes'], dtype=np.float64).reshape(-1, 7)
    if turned:
        boxes = np.column_stack([boxes[:, :3], boxes[:, [4, 3, 5]],
                                 wrap_angle(-boxes[:, 6] - np.pi / 2)])
    labels = [CLASSES.index(name) if name in CLASSES else -1 for name in info['gt_names']]
    return [dict(bbox_3d=box.tolist(), velocity=[float(value) for value in velocity],
                 bbox_label=label, bbox_label_3d=label, num_lidar_pts=int(lidar),
                 num_radar_pts=int(radar), bbox_3d_isvalid=bool(lidar + radar > 0),
                 attr_label=NO_ATTRIBUTE)
            for box, velocity, label, lidar, radar in zip(
                boxes, info['gt_velocity'], labels, info['num_lidar_pts'], info['num_radar_pts'],
                strict=True)]


def _sweep(sweep: Mapping) -> dict:
    return dict(
        timestamp=sweep['timestamp'] / 1e6, ego2global=_matrix(sweep, 'ego2global').tolist(),
        sample_data_token=sweep['sample_data_token'],
        lidar_points=dict(lidar_path=_inside_root(sweep['data_path']),
                          lidar2ego=_matrix(sweep, 'sensor2ego').tolist(),
                          lidar2sensor=_from_lidar(sweep).tolist()))


def _image(image: Mapping) -> dict:
    width, height = _WIDTH_HEIGHT
    return dict(
        img_path=Path(image['data_path']).name, cam2img=np.array(image['cam_intrinsic']).tolist(),
        cam2ego=_matrix(image, 'sensor2ego').tolist(), width=width, height=height,
        ego2global=_matrix(image, 'ego2global').tolist(), lidar2cam=_from_lidar(image).tolist(),
        sample_data_token=image['sample_data_token'], timestamp=image['timestamp'] / 1e6)


def _from_lidar(sensor: Mapping) -> np.ndarray:
    """Pose (4, 4) from the key frame's LiDAR to a sensor."""
    matrix = np.eye(4)
    matrix[:3, :3] = sensor['sensor2lidar_rotation']
    matrix[:3, 3] = sensor['sensor2lidar_translation']
    return np.linalg.inv(matrix)


def _matrix(record: Mapping, name: str) -> np.ndarray:
    matrix = Quaternion(record[f'{name}_rotation']).transformation_matrix
    matrix[:3, 3] = record[f'{name}_translation']
    return matrix


def _inside_root(path: str) -> str:
    """The path from ``samples`` or ``sweeps`` on; old files begin with the data root."""
    parts = Path(path).parts
    starts = [place for place, part in enumerate(parts) if part in ('samples', 'sweeps')]
    return '/'.join(parts[starts[-1]:]) if starts else str(path)
