"""Frames of a custom data set that are kept for validation, with their labels."""
from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.datasets.custom.prepare.labels import read_boxes
from sparse3d.errors import DataError
from sparse3d.simulate.output_folder import STAMP, write_lines
from sparse3d.structures.labeled_frame import KINDS, OTHER, SIMULATED, TRAINED, LabeledFrame
from sparse3d.transforms.cloud_files import SUFFIXES
from sparse3d.transforms.load_xyz import read_xyz

OWN = 'custom'  # what frames that no simulation made call their source
_SPLIT = Path('splits') / 'val.txt'
_HEADER = 'class,x,y,z_bottom,dx,dy,dz,yaw'


def labeled_frames(root: Path) -> list[LabeledFrame]:
    """The frames of ``splits/val.txt``, or all that have boxes, whose classes are named as those of
    simulated sweeps.

    Raises:
        DataError: if there is none, one has no cloud, or a file cannot be read.
    """
    split = root / _SPLIT
    names = split.read_text().split() if split.is_file() else sorted(
        path.stem for path in (root / 'boxes').glob('*.csv'))
    source = SIMULATED if (root / STAMP).is_file() else OWN
    found = []
    for name in names:
        cloud = next((path for suffix in SUFFIXES
                      if (path := root / 'points' / f'{name}{suffix}').is_file()), None)
        if cloud is None:
            listed = split if split.is_file() else root / 'boxes'
            raise DataError(f'{listed} has the frame {name}, and {root / "points"} no cloud of it '
                            f'({", ".join(SUFFIXES)}); add it, or take the frame out')
        kinds, boxes = read_boxes(root / 'boxes' / f'{name}.csv')
        found.append(LabeledFrame(
            source, name, read_xyz(cloud), boxes[:, :7],
            np.array([kind if kind in KINDS else OTHER for kind in kinds], object)))
    if not found:
        raise DataError(f'{root} has no frame with points/ and boxes/*.csv')
    return found


def write_frames(frames: Sequence[LabeledFrame], root: Path, validation: Collection[str] = ()
                 ) -> None:
    """Write labeled frames of any data set as a custom data set, to train on.

    Points that lie where a data set has no labels are left out, and so are objects of no class.

    Args:
        frames: of one or more data sets.
        root: folder to fill.
        validation: names of the frames that validate; the others are for training.

    Raises:
        DataError: if the folder holds a data set already, two frames have one name, there is no
            frame of a name that validates, or a file cannot be written.
    """
    names = [frame.name for frame in frames]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f'two frames are named {twice}; write one data set at a time')
    unknown = sorted(set(validation) - set(names))
    if unknown:
        raise DataError(f'there is no frame {unknown[0]} to validate on; there are '
                        f'{", ".join(names)}')
    there = next((root / folder for folder in ('points', 'boxes', 'splits')
                  if (root / folder).exists()), None)
    if there is not None:
        raise DataError(f'{there} is there already; name a new folder, or remove {root} first')
    for folder in ('points', 'boxes', 'splits'):
        make_folder(root / folder)
    for frame in frames:
        stream = io.BytesIO()
        np.save(stream, frame.points[frame.labeled(frame.points)].astype(np.float32))
        write_bytes_atomically(root / 'points' / f'{frame.name}.npy', stream.getvalue())
        rows = [','.join([str(kind), *(f'{value:.4f}' for value in box)])
                for kind, box in zip(frame.kinds, frame.boxes, strict=True) if kind in TRAINED]
        write_lines(root / 'boxes' / f'{frame.name}.csv', [_HEADER, *rows])
    for split, wanted in (('train', False), ('val', True)):
        write_lines(root / 'splits' / f'{split}.txt',
                    [name for name in names if (name in validation) is wanted])
