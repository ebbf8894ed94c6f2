"""Info files of mmdet3d before 1.1 and of OpenPCDet for KITTI, in the layout of 1.4.

They hold KITTI's own labels (camera frame, bottom center, rotation_y), whatever the release's
convention of LiDAR boxes; only names and order of the entries changed. OpenPCDet's name no files:
they are KITTI's own, after the number of the frame.
"""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.datasets.kitti.prepare.frame import (
    CATEGORIES,
    camera_instances,
    image_entries,
    instances,
    lidar_entry,
)
from sparse3d.datasets.kitti.prepare.frames import BOX_CONVENTION
from sparse3d.datasets.kitti.prepare.text import KITTI_TYPES, KittiCalibration, KittiObject
from sparse3d.errors import DataError
from sparse3d.preparation.info_upgrade import first_frame
from sparse3d.transforms.info_files import FORMAT_VERSION, openpcdet_data_set
from sparse3d.version import __version__

SENTENCE = ('labels as KITTI gives them; a ground-truth database of mmdet3d 0.x or OpenPCDet has '
            'other boxes and is not converted, make it with "sparse3d create-data kitti"')


def upgrade(old: Any, path: Path) -> tuple[dict, list[dict], str] | None:
    """:func:`upgraded_kitti` of a file that is of this data set, else None.

    Raises:
        DataError: as that function, and for files of other programs.
    """
    first = first_frame(old)
    if isinstance(old, Mapping) or 'pose' in first or 'P4' in first.get('calib', {}):
        return None
    return upgraded_kitti(old, path) if {'image', 'point_cloud', 'calib'} <= set(first) else None


def upgraded_kitti(infos: list[Mapping], path: Path) -> tuple[dict, list[dict], str]:
    """Metainfo and entries of the new file, and what was done, in words.

    Args:
        infos: what the old file holds, a list of frames.
        path: the old file, for messages.

    Raises:
        DataError: naming the frame that is damaged.
    """
    entries = [_entry(info, row, path) for row, info in enumerate(infos)]
    metainfo = dict(
        categories=CATEGORIES, dataset='kitti', info_version='1.1',
        stamp=dict(format_version=FORMAT_VERSION, box_convention=BOX_CONVENTION,
                   source=f'{path.name} of {_writer(infos)}, upgraded', options={},
                   writer=f'sparse3d {__version__}'))
    return metainfo, entries, SENTENCE


def _writer(infos: list[Mapping]) -> str:
    return 'OpenPCDet' if openpcdet_data_set(infos) else 'mmdet3d before 1.1'


def _entry(info: Mapping, row: int, path: Path) -> dict:
    try:
        calibration = _calibration(info['calib'])
        image = info['image']
        size = tuple(int(length) for length in image['image_shape'][:2])
        picture, cloud = _file_names(info)
        entry = dict(
            sample_idx=int(image['image_idx']),
            images=image_entries(picture, calibration, size),
            lidar_points=lidar_entry(cloud, calibration))
        if 'plane' in info:
            entry['plane'] = [float(number) for number in info['plane']]
        if 'annos' in info:
            objects = _objects(info['annos'])
            num_points = [int(number) for number, item in zip(
                info['annos']['num_points_in_gt'], objects, strict=True)
                if item.type != 'DontCare']
            entry['instances'] = instances(objects, num_points, calibration)
            entry['cam_instances'] = camera_instances(objects, calibration, size)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f'frame {row} of {path} is damaged ({type(error).__name__}: '
                        f'{error})') from error
    return entry


def _file_names(info: Mapping) -> tuple[str, str]:
    """Picture and cloud of a frame."""
    image, cloud = info['image'], info['point_cloud']
    if 'lidar_idx' in cloud:
        return f'{image["image_idx"]}.png', f'{cloud["lidar_idx"]}.bin'
    return tuple(str(path).replace('\\', '/').rpartition('/')[2]
                 for path in (image['image_path'], cloud['velodyne_path']))


def _calibration(matrices: Mapping) -> KittiCalibration:
    needed = {name: _extended(matrices[name], name)
              for name in ('P2', 'R0_rect', 'Tr_velo_to_cam')}
    others = {name: _extended(matrices[name], name)
              for name in ('P0', 'P1', 'P3', 'Tr_imu_to_velo') if matrices.get(name) is not None}
    given = {**others, **needed}
    return KittiCalibration(tuple(given.get(f'P{camera}') for camera in range(4)),
                            given['R0_rect'], given['Tr_velo_to_cam'], given.get('Tr_imu_to_velo'))


def _extended(values: np.ndarray, name: str) -> np.ndarray:
    """A matrix of up to (4, 4) as (4, 4) float64."""
    values = np.asarray(values, dtype=np.float64)
    if values.shape not in ((3, 3), (3, 4), (4, 4)) or not np.isfinite(values).all():
        raise ValueError(f'{name} is no calibration matrix')
    matrix = np.eye(4)
    matrix[:values.shape[0], :values.shape[1]] = values
    return matrix


def _objects(annos: Mapping) -> list[KittiObject]:
    """Lines of the label file that the annotations were read from."""
    names = [str(name) for name in annos['name']]
    unknown = sorted(set(names) - set(KITTI_TYPES))
    if unknown:
        raise ValueError(f'{unknown[0]!r} is no type of KITTI')
    columns = [np.asarray(annos[key], dtype=np.float64).reshape(len(names), width).tolist()
               for key, width in (('truncated', 1), ('occluded', 1), ('alpha', 1), ('bbox', 4),
                                  ('dimensions', 3), ('location', 3), ('rotation_y', 1))]
    scores = np.asarray(annos.get('score', np.zeros(len(names))), dtype=np.float64).tolist()
    return [KittiObject(name, truncated, int(occluded), alpha, tuple(bbox), tuple(size),
                        tuple(place), rotation_y, score)
            for name, (truncated, ), (occluded, ), (alpha, ), bbox, size, place, (rotation_y, ),
            score in zip(names, *columns, scores, strict=True)]
