"""Cut-out objects for ground-truth sampling: one ``.bin`` per object and an index of them.

The layout is that of mmdet3d: points relative to the bottom center of their box, an
index ``{class: [entry, ...]}`` with paths relative to the data root.
"""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sparse3d.atomic_files import write_bytes_atomically
from sparse3d.structures.box_geometry import points_in_box
from sparse3d.transforms.data_paths import file_name, path_inside


def write_objects(
        root: Path,
        folder: str,
        sample: int | str,
        points: np.ndarray,
        names: list[str],
        boxes: np.ndarray,
        difficulties: list[int],
) -> list[dict]:
    """Write the points of every object of one frame that has any.

    Args:
        root: data root that the paths in the entries are relative to.
        folder: folder of the database inside ``root``; it exists.
        sample: number or name of the frame.
        points: (N, C) float32 of the frame, LiDAR frame.
        names: class of each object.
        boxes: (M, 7) LiDAR boxes.
        difficulties: of each object, -1 unknown.

    Returns:
        The entries of the index, without ``group_id``.
    """
    entries = []
    for index, (name, box, level) in enumerate(zip(names, boxes, difficulties, strict=True)):
        inside = points[points_in_box(points, box)]
        if not len(inside):
            continue
        inside[:, :3] -= box[:3].astype(np.float32)
        path = f'{folder}/{file_name(f"{sample}_{name}_{index}")}.bin'
        write_bytes_atomically(path_inside(root, path), inside.tobytes())
        entries.append(dict(
            name=name, path=path, image_idx=sample, gt_idx=index, difficulty=level, score=0.0,
            box3d_lidar=box.astype(np.float32), num_points_in_gt=len(inside)))
    return entries


def merge_entries(frames: Iterable[list[dict]]) -> dict[str, list[dict]]:
    """Sort the entries of all frames by class and number their groups."""
    index: dict[str, list[dict]] = {}
    for group, entry in enumerate(entry for entries in frames for entry in entries):
        index.setdefault(entry['name'], []).append(dict(entry, group_id=group))
    return index
