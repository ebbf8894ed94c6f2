"""The ground-truth database of Waymo: cut-out objects, those with joints listed once more."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from sparse3d.datasets.waymo.prepare.infos import CLASS_NAMES
from sparse3d.preparation.ground_truth_database import merge_entries, write_objects
from sparse3d.preparation.preparation_report import PreparationReport
from sparse3d.transforms.info_files import read_plain_file, write_plain_file

FOLDER = 'waymo_gt_database'
# Vehicles, pedestrians and cyclists; and vehicles with people who have joints, as 'Human'.
INDEX, PEOPLE_INDEX = 'waymo_dbinfos_train', 'waymo_people_dbinfos_train'


def cut_out_objects(out: Path, name: str, info: dict, points: np.ndarray) -> list[dict]:
    """Write the points of every object of a frame; returns their entries.

    An entry of a person with labeled joints has ``keypoints_3d`` (14, 3) relative to the
    bottom center of the box and ``keypoints_visible`` (14).

    Args:
        out: the prepared data set.
        name: of the frame's files.
        info: the frame's entry of the info file.
        points: (N, 6) rows of the frame; the last column becomes an age of 0 s.
    """
    instances = info['instances']
    boxes = np.array([item['bbox_3d'] for item in instances]).reshape(-1, 7)
    points = np.column_stack([points[:, :5], np.zeros(len(points), dtype='<f4')])
    entries = write_objects(
        out, FOLDER, name, points, [CLASS_NAMES[item['bbox_label_3d']] for item in instances],
        boxes, [item['difficulty'] for item in instances])
    for entry in entries:
        item = instances[entry['gt_idx']]
        if 'keypoints_3d' in item:
            places = np.array(item['keypoints_3d']) - boxes[entry['gt_idx'], :3]
            entry.update(keypoints_3d=places.astype(np.float32),
                         keypoints_visible=np.array(item['keypoints_visible']))
    return entries


def write_indices(out: Path, frames: Sequence[list[dict]], report: PreparationReport,
                  suffix: str = '') -> None:
    """Write both indices of the database from the entries of all frames."""
    people = [[dict(entry, name='Human' if 'keypoints_3d' in entry else entry['name'])
               for entry in entries if 'keypoints_3d' in entry or entry['name'] == CLASS_NAMES[0]]
              for entries in frames]
    for name, chosen in ((INDEX, frames), (PEOPLE_INDEX, people)):
        path = out / f'{name}{suffix}.pkl'
        write_plain_file(path, merge_entries(chosen))
        report.files.append(path)
    for entry in chain.from_iterable(frames):
        report.objects[entry['name']] = report.objects.get(entry['name'], 0) + 1


def merge_indices(out: Path, report: PreparationReport) -> list[Path]:
    """Join the indices of all parts in ``out``; returns the part files, which are done with."""
    files = sorted(out.glob(f'{INDEX}.part-*.pkl'))
    if not files:
        return []
    frames: dict[str, list[dict]] = {}
    for path in files:
        for entry in chain.from_iterable(read_plain_file(path).values()):
            bare = {key: value for key, value in entry.items() if key != 'group_id'}
            frames.setdefault(entry['image_idx'], []).append(bare)
    write_indices(out, [sorted(frames[name], key=lambda entry: entry['gt_idx'])
                        for name in sorted(frames)], report)
    return [*files, *out.glob(f'{PEOPLE_INDEX}.part-*.pkl')]
