"""Sweeps of the Argoverse 2 sensor data set with their labels, as they lie in the folder."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from sparse3d.datasets.argoverse2.poses import read_poses
from sparse3d.datasets.argoverse2.prepare.annotations import read_annotations
from sparse3d.errors import DataError
from sparse3d.structures.labeled_frame import (
    CAR,
    CYCLIST,
    LARGE_VEHICLE,
    OTHER,
    PEDESTRIAN,
    RIDERLESS,
    SITTING,
    LabeledFrame,
)
from sparse3d.transforms.load_xyz import read_xyz

_LARGE = ('LARGE_VEHICLE', 'BUS', 'BOX_TRUCK', 'TRUCK', 'VEHICULAR_TRAILER', 'TRUCK_CAB',
          'SCHOOL_BUS', 'ARTICULATED_BUS', 'MESSAGE_BOARD_TRAILER', 'RAILED_VEHICLE',
          'TRAFFIC_LIGHT_TRAILER')
KIND_OF = {'REGULAR_VEHICLE': CAR, 'PEDESTRIAN': PEDESTRIAN, 'BICYCLIST': CYCLIST,
           'MOTORCYCLIST': CYCLIST, 'WHEELED_RIDER': SITTING, 'OFFICIAL_SIGNALER': SITTING,
           'STROLLER': SITTING, 'WHEELCHAIR': SITTING,
           **dict.fromkeys(('BICYCLE', 'MOTORCYCLE', 'WHEELED_DEVICE'), RIDERLESS),
           **dict.fromkeys(_LARGE, LARGE_VEHICLE)}


def labeled_frames(root: Path) -> list[LabeledFrame]:
    """The sweeps of all logs below ``root`` whose files are there.

    Raises:
        DataError: if there is none, or a file cannot be read.
    """
    found = []
    for path in sorted(root.rglob('annotations.feather')):
        log = path.parent
        sweeps = sorted((log / 'sensors' / 'lidar').glob('*.feather'))
        if not sweeps:
            continue
        labels = read_annotations(path, read_poses(log))
        for sweep in sweeps:
            rows = labels.at(int(sweep.stem))
            kinds = [KIND_OF.get(str(name), OTHER) for name in labels.categories[rows]]
            found.append(LabeledFrame('Argoverse 2', f'{log.name[:8]}_{sweep.stem}',
                                      read_xyz(sweep), labels.boxes[rows],
                                      np.array(kinds, object)))
    if not found:
        raise DataError(f'{root} has no log (annotations.feather) with sensors/lidar/*.feather')
    return found
