"""What the frames of a prepared custom data set hold, as a detector has to know it."""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sparse3d.errors import DataError
from sparse3d.ops.rotated_iou import bev_boxes, rotated_iou_bev
from sparse3d.structures.point_statistics import ground_height
from sparse3d.transforms.cloud_files import read_cloud
from sparse3d.transforms.info_files import read_info_file

MAX_CLOUDS = 50  # that are read, spread evenly
MIN_OBJECTS = 10  # of a class with points; fewer teach nothing


@dataclass(frozen=True)
class ClassNumbers:
    """One class in the training frames.

    Attributes:
        name: as in the box files.
        objects: that hold points.
        without_points: the others.
        size: median dx, dy, dz in meters.
        short_side: 10 % quantile of the shorter side in BEV, meters.
    """

    name: str
    objects: int
    without_points: int
    size: tuple[float, float, float]
    short_side: float


@dataclass(frozen=True)
class DataNumbers:
    """What a proposal is made from.

    Attributes:
        frames: of train and val.
        classes: enough objects to learn, the most frequent first.
        rare: classes with fewer, and how many objects they have.
        columns: numbers of a point.
        boxes: (M, 7) boxes of ``classes`` with points, all frames together.
        max_objects: most boxes in one frame.
        overlap: largest IoU in BEV of two labeled boxes of one class.
        clouds: some clouds, (N, >=3) each.
        ground: median height of the ground in meters; None where none is seen.
    """

    frames: tuple[int, int]
    classes: tuple[ClassNumbers, ...]
    rare: dict[str, int]
    columns: int
    boxes: np.ndarray
    max_objects: int
    overlap: float
    clouds: tuple[np.ndarray, ...]
    ground: float | None


def measure(root: str | os.PathLike) -> DataNumbers:
    """Measure what :func:`sparse3d.datasets.custom.prepare.frames.prepare_custom` wrote.

    Raises:
        DataError: if the folder is not prepared, or its frames cannot tell: no clouds, no labels,
            no box with points, nothing to validate.
    """
    root = Path(root)
    train, val = (_entries(root, split) for split in ('train', 'val'))
    clouds = [info for info in train if info.get('lidar_points', {}).get('lidar_path')]
    if not clouds:
        raise DataError(f'{root} has pictures alone: range and voxels are read from clouds; copy a '
                        f'config for cameras instead (docs/custom_data.md)')
    boxes = {name: np.array([item['bbox_3d'] for item in items]) for name, items in
             _by_class(train, with_points=True).items()}
    if not boxes:
        raise DataError(f'no box of {root} holds a point, so the data cannot tell what to detect; '
                        f'"sparse3d check {root}" says what is wrong with the labels')
    counts = {name: len(rows) for name, rows in boxes.items()}
    chosen = [name for name in sorted(counts, key=lambda name: (-counts[name], name))
              if counts[name] >= MIN_OBJECTS] or [max(counts, key=lambda name: counts[name])]
    everything = Counter(item['name'] for info in train for item in info.get('instances', ()))
    read = _clouds(root, clouds)
    grounds = [ground for cloud in read if (ground := ground_height(cloud)) is not None]
    return DataNumbers(
        frames=(len(train), len(val)),
        classes=tuple(_class_numbers(name, boxes[name], everything[name] - counts[name])
                      for name in chosen),
        rare={name: counts.get(name, 0) for name in everything if name not in chosen},
        columns=clouds[0]['lidar_points']['num_pts_feats'],
        boxes=np.concatenate([boxes[name] for name in chosen]),
        max_objects=max(len(info.get('instances', ())) for info in train),
        overlap=largest_overlap(train),
        clouds=tuple(read), ground=float(np.median(grounds)) if grounds else None)


def largest_overlap(infos: Sequence[dict]) -> float:
    """Largest IoU in BEV of two labeled boxes of one class in one frame."""
    largest = 0.0
    for info in infos:
        for items in _by_class([info], with_points=False).values():
            boxes = torch.tensor([item['bbox_3d'] for item in items], dtype=torch.float64)
            boxes = bev_boxes(boxes)
            iou = rotated_iou_bev(boxes, boxes).fill_diagonal_(0)
            largest = max(largest, float(iou.max()))
    return largest


def _entries(root: Path, split: str) -> list[dict]:
    path = root / f'own_infos_{split}.pkl'
    prepared = any(root.glob('own_infos_*.pkl'))
    if not path.is_file():
        raise DataError(
            f'{root} has no frames of {split}, which a config needs: label more frames, or change '
            f'splits/{split}.txt' if prepared else
            f'{root} is not prepared: run "sparse3d create-data custom {root}" first')
    return read_info_file(path, 'custom')['data_list']


def _by_class(infos: Sequence[dict], with_points: bool) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for info in infos:
        for item in info.get('instances', ()):
            if not with_points or item['num_lidar_pts'] > 0:
                found.setdefault(item['name'], []).append(item)
    return found


def _class_numbers(name: str, boxes: np.ndarray, without_points: int) -> ClassNumbers:
    size = np.median(boxes[:, 3:6], axis=0)
    short = np.quantile(boxes[:, 3:5].min(axis=1), 0.1)
    return ClassNumbers(name, len(boxes), without_points, tuple(map(float, size)), float(short))


def _clouds(root: Path, infos: Sequence[dict]) -> list[np.ndarray]:
    rows = np.unique(np.linspace(0, len(infos) - 1, min(MAX_CLOUDS, len(infos))).round())
    read = []
    for info in (infos[int(row)] for row in rows):
        cloud = info['lidar_points']
        points = read_cloud(root / cloud['lidar_path'], cloud['num_pts_feats'])
        points = points[np.isfinite(points).all(axis=1)]
        read += [points] if len(points) else []
    if not read:
        raise DataError(f'the clouds of {root} have no points')
    return read
