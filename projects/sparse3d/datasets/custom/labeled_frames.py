"""Frames of a custom data set that are kept for validation, with their labels."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from sparse3d.datasets.custom.prepare.labels import read_boxes
from sparse3d.errors import DataError
from sparse3d.structures.labeled_frame import KINDS, OTHER, LabeledFrame
from sparse3d.transforms.cloud_files import SUFFIXES
from sparse3d.transforms.load_xyz import read_xyz

_SPLIT = Path('splits') / 'val.txt'


def labeled_frames(root: Path) -> list[LabeledFrame]:
    """The frames of ``splits/val.txt``, or all that have boxes, whose classes are named as those of
    simulated sweeps.

    Raises:
        DataError: if there is none, or a file cannot be read.
    """
    split = root / _SPLIT
    names = split.read_text().split() if split.is_file() else sorted(
        path.stem for path in (root / 'boxes').glob('*.csv'))
    found = []
    for name in names:
        cloud = next((path for suffix in SUFFIXES
                      if (path := root / 'points' / f'{name}{suffix}').is_file()), None)
        if cloud is not None:
            kinds, boxes = read_boxes(root / 'boxes' / f'{name}.csv')
            found.append(LabeledFrame(
                'simulated', name, read_xyz(cloud), boxes[:, :7],
                np.array([kind if kind in KINDS else OTHER for kind in kinds], object)))
    if not found:
        raise DataError(f'{root} has no frame with points/ and boxes/*.csv')
    return found
