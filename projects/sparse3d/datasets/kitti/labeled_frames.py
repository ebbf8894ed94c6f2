"""Frames of the official KITTI object layout with their labels, as they lie in the folder."""
from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from sparse3d.datasets.kitti.prepare.text import KittiCalibration, read_calibration, read_labels
from sparse3d.errors import DataError
from sparse3d.structures.box_conversions import kitti_camera_to_lidar
from sparse3d.structures.labeled_frame import (
    CAR,
    CYCLIST,
    LARGE_VEHICLE,
    OTHER,
    PEDESTRIAN,
    SITTING,
    LabeledFrame,
)
from sparse3d.structures.projection import pixels_and_depth
from sparse3d.transforms.load_xyz import read_xyz

KIND_OF = {'Car': CAR, 'Pedestrian': PEDESTRIAN, 'Cyclist': CYCLIST, 'Van': LARGE_VEHICLE,
           'Truck': LARGE_VEHICLE, 'Tram': LARGE_VEHICLE, 'Person_sitting': SITTING}
_PICTURE_WIDTH = 1242  # of KITTI; labels end at the edges


def labeled_frames(root: Path) -> list[LabeledFrame]:
    """The frames of ``root/training`` that have a cloud, labels and a calibration.

    Raises:
        DataError: if there is none, or a file cannot be read.
    """
    folder = root / 'training' if (root / 'training').is_dir() else root
    names = sorted(path.stem for path in (folder / 'velodyne').glob('*.bin')
                   if (folder / 'label_2' / f'{path.stem}.txt').is_file())
    if not names:
        raise DataError(f'{folder} has no velodyne/*.bin with label_2/*.txt beside')
    return [_frame(folder, name) for name in names]


def in_picture(calibration: KittiCalibration, centers: np.ndarray) -> np.ndarray:
    """Which centers (K, 3) the left color camera sees: there KITTI has labels."""
    homogeneous = np.column_stack([centers, np.ones(len(centers))])
    seen = homogeneous @ (calibration.cam2img[2] @ calibration.lidar2cam).T
    pixels, depth = pixels_and_depth(seen[:, :3], near=.5)
    return (depth > .5) & (pixels[:, 0] >= 0) & (pixels[:, 0] < _PICTURE_WIDTH)


def _frame(folder: Path, name: str) -> LabeledFrame:
    calibration = read_calibration(folder / 'calib' / f'{name}.txt')
    objects = [item for item in read_labels(folder / 'label_2' / f'{name}.txt')
               if item.type != 'DontCare']
    camera = np.array([item.camera_box for item in objects]).reshape(-1, 7)
    return LabeledFrame(
        'KITTI', name, read_xyz(folder / 'velodyne' / f'{name}.bin'),
        kitti_camera_to_lidar(camera, calibration.lidar2cam),
        np.array([KIND_OF.get(item.type, OTHER) for item in objects], object),
        partial(in_picture, calibration))
