"""Key frames of nuScenes with their labels, from an info file with the clouds beside."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.labeled_frame import (
    CAR,
    LARGE_VEHICLE,
    OTHER,
    PEDESTRIAN,
    RIDERLESS,
    LabeledFrame,
)
from sparse3d.transforms.info_files import read_info_file
from sparse3d.transforms.load_xyz import read_xyz

KIND_OF = {'car': CAR, 'pedestrian': PEDESTRIAN, 'bicycle': RIDERLESS, 'motorcycle': RIDERLESS,
           **dict.fromkeys(('truck', 'bus', 'trailer', 'construction_vehicle'), LARGE_VEHICLE)}


def labeled_frames(root: Path) -> list[LabeledFrame]:
    """The samples of the info files in ``root`` whose clouds are there.

    Raises:
        DataError: if there is none, or a file cannot be read.
    """
    found = []
    for path in sorted(root.glob('*.pkl')):
        content = read_info_file(path, 'nuscenes')
        names = {number: name for name, number in content['metainfo']['categories'].items()}
        for entry in content['data_list']:
            cloud = _cloud(root, entry['lidar_points']['lidar_path'])
            if cloud is not None:
                found.append(_frame(entry, names, cloud))
    if not found:
        raise DataError(f'{root} has no info file (*.pkl) of nuScenes whose clouds are there')
    return found


def _cloud(root: Path, path: str) -> Path | None:
    name = Path(path).name
    places = (root / path, root / 'samples' / 'LIDAR_TOP' / name, root / name)
    return next((place for place in places if place.is_file()), None)


def _frame(entry: Mapping, names: Mapping[int, str], cloud: Path) -> LabeledFrame:
    instances = entry.get('instances', [])
    boxes = np.array([item['bbox_3d'][:7] for item in instances], np.float64).reshape(-1, 7)
    boxes[:, 2] -= boxes[:, 5] / 2  # the info file has the middle
    kinds = [KIND_OF.get(names.get(int(item['bbox_label_3d']), ''), OTHER) for item in instances]
    return LabeledFrame('nuScenes', cloud.name.split('.')[0], read_xyz(cloud), boxes,
                        np.array(kinds, object))
