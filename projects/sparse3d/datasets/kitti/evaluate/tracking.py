"""KITTI's tracking benchmark: its label and result files, HOTA and CLEAR MOT as it scores them.

Boxes in the picture decide, for cars and for pedestrians. The rules are those of the benchmark's
page (https://www.cvlibs.net/datasets/kitti/eval_tracking.php), the numbers those of TrackEval 1.3,
with which it scores and which the tests hold beside these.
"""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy.optimize import linear_sum_assignment

from sparse3d.errors import DataError
from sparse3d.metrics.clear_mot import ClearMot, clear_mot
from sparse3d.metrics.hota import combine_hota, hota
from sparse3d.metrics.identity_frames import IdentityFrames

# Class that is scored -> classes that are like it: who finds one of them is not punished.
NEIGHBORS = {'car': ('van',), 'pedestrian': ('person', 'person_sitting')}
_DONT_CARE = 'dontcare'
_MAX_OCCLUSION, _MAX_TRUNCATION = 2, 0  # of objects that count
_MIN_HEIGHT = 25.0                      # of false boxes that count [pixels]
_MIN_IOU = 0.5
_EPS = float(np.finfo(float).eps)
_COLUMNS = 17                           # of a label; results have a score behind


@dataclass(frozen=True)
class KittiTracks:
    """Objects or tracks of one sequence.

    Attributes:
        frame: (N,) int64.
        track: (N,) int64, -1 for areas that do not matter.
        kind: (N,) classes in small letters.
        truncation: (N,) occlusion: (N,) levels.
        box: (N, 4) x1, y1, x2, y2 [pixels].
    """

    frame: np.ndarray
    track: np.ndarray
    kind: np.ndarray
    truncation: np.ndarray
    occlusion: np.ndarray
    box: np.ndarray

    def select(self, rows: np.ndarray) -> KittiTracks:
        """Those of these rows (indices or a mask)."""
        return KittiTracks(*(getattr(self, field.name)[rows] for field in fields(self)))


def read_kitti_tracks(path: str | os.PathLike) -> KittiTracks:
    """A file of ``label_02`` or of results: ``frame id type truncated occluded alpha`` and the
    columns of KITTI's labels.

    Raises:
        DataError: if the file cannot be read, naming the line.
    """
    try:
        lines = Path(path).read_text(encoding='ascii').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'{path} cannot be read as KITTI tracking labels: {error}') from error
    rows: list[list[float]] = []
    kinds = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words:
            continue
        if len(words) not in (_COLUMNS, _COLUMNS + 1):
            raise DataError(f'line {number} of {path} has {len(words)} columns; labels of the '
                            f'tracking benchmark have {_COLUMNS}, results a score behind')
        try:
            values = [float(word) for place, word in enumerate(words) if place != 2]
        except ValueError as error:
            raise DataError(f'line {number} of {path}: {error}') from error
        if not np.isfinite(values).all() or values[0] < 0 or values[0] % 1 or values[1] % 1:
            raise DataError(f'line {number} of {path} has the frame {words[0]} and the id '
                            f'{words[1]}; whole numbers, and finite ones behind, are needed')
        rows.append(values)
        kinds.append(words[2].lower())
    table = np.array(rows).reshape(len(rows), -1) if rows else np.zeros((0, _COLUMNS - 1))
    return KittiTracks(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64),
                       np.array(kinds, dtype=object), table[:, 2].astype(np.int64),
                       table[:, 3].astype(np.int64), table[:, 5:9])


def evaluate_kitti_tracking(pred: Mapping[str, KittiTracks], gt: Mapping[str, KittiTracks],
                            lengths: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """HOTA and CLEAR MOT over sequences.

    Args:
        pred: tracks by sequence, of every sequence.
        gt: objects by sequence.
        lengths: number of frames by sequence.

    Returns:
        ``'car'`` and ``'pedestrian'`` to TrackEval's names (HOTA, DetA, AssA, ..., MOTA, IDSW,
        MT, ...) to numbers; shares in 0..1.

    Raises:
        DataError: if a sequence is missing, has frames beyond its end, or an id stands twice in a
            frame.
    """
    for name in lengths:
        if name not in pred or name not in gt:
            raise DataError(f'sequence {name} has no {"tracks" if name not in pred else "labels"};'
                            f' KITTI scores all of {", ".join(lengths)}')
        for what, tracks in (('tracks', pred[name]), ('labels', gt[name])):
            if tracks.frame.max(initial=-1) >= lengths[name]:
                raise DataError(f'the {what} of sequence {name} have the frame '
                                f'{tracks.frame.max()}; it has {lengths[name]} frames from 0 on')
    result = {}
    for kind in NEIGHBORS:
        frames = [identity_frames(pred[name], gt[name], lengths[name], kind) for name in lengths]
        result[kind] = {**combine_hota([hota(one) for one in frames]).summary(),
                        **sum((clear_mot(one) for one in frames), ClearMot()).summary()}
    return result


def identity_frames(pred: KittiTracks, gt: KittiTracks, length: int,
                    kind: str) -> IdentityFrames:
    """What counts of one class in a sequence, with IoU in the picture.

    Tracks on objects that do not count (others alike, hidden, cut off) are left out, and false
    ones that are small or in a region that does not matter.
    """
    pred = pred.select((pred.kind == kind) & (pred.track >= 0))
    dont_care = gt.select(gt.kind == _DONT_CARE)
    gt = gt.select(np.isin(gt.kind.astype(str), (kind, *NEIGHBORS[kind])) & (gt.track >= 0))
    counts = ((gt.kind == kind) & (gt.occlusion <= _MAX_OCCLUSION)
              & (gt.truncation <= _MAX_TRUNCATION))
    gt_ids, pred_ids, similarity = [], [], []
    for frame in range(length):
        here, there = np.flatnonzero(gt.frame == frame), np.flatnonzero(pred.frame == frame)
        iou = box_ious(gt.box[here], pred.box[there])
        kept = _kept(iou, counts[here], pred.box[there], dont_care.box[dont_care.frame == frame])
        gt_ids.append(gt.track[here][counts[here]].tolist())
        pred_ids.append(pred.track[there][kept].tolist())
        similarity.append(iou[counts[here]][:, kept])
    return IdentityFrames.of(gt_ids, pred_ids, similarity)


def _kept(iou: np.ndarray, counts: np.ndarray, boxes: np.ndarray,
          dont_care: np.ndarray) -> np.ndarray:
    """Which tracks of a frame count, (M,) bool."""
    rows, columns = linear_sum_assignment(-np.where(iou < _MIN_IOU - _EPS, 0, iou))
    found = iou[rows, columns] >= _MIN_IOU - _EPS
    rows, columns = rows[found], columns[found]
    small = boxes[:, 3] - boxes[:, 1] <= _MIN_HEIGHT + _EPS
    inside = (box_ious(dont_care, boxes, of_second=True) > _MIN_IOU + _EPS).any(axis=0)
    kept = ~(small | inside)
    kept[columns] = counts[rows]
    return kept


def box_ious(first: np.ndarray, second: np.ndarray, of_second: bool = False) -> np.ndarray:
    """IoU (N, M) of boxes x1, y1, x2, y2 in a picture.

    Args:
        of_second: the share of the second box's area in place of IoU.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas = [(boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) for boxes in
             (first, second)]
    total = np.broadcast_to(areas[1][None], shared.shape) if of_second else (
        areas[0][:, None] + areas[1][None] - shared)
    return np.divide(shared, total, out=np.zeros_like(shared), where=total > _EPS)


def table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """The scores in the order of the benchmark's page, shares in percent."""
    shares = ('HOTA', 'DetA', 'AssA', 'DetRe', 'DetPr', 'AssRe', 'AssPr', 'LocA', 'MOTA', 'MOTP',
              'MODA')
    counts = ('IDSW', 'Frag', 'MT', 'PT', 'ML')
    lines = ['class       ' + ' '.join(f'{name:>6}' for name in (*shares, *counts))]
    for kind, of in scores.items():
        numbers = [f'{100 * of[name]:6.2f}' for name in shares]
        numbers += [f'{of[name]:6.0f}' for name in counts]
        lines.append(f'{kind:11} {" ".join(numbers)}')
    return '\n'.join(lines)
