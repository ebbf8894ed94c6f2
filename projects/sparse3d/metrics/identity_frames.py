"""Objects and tracks of a sequence with their ids and similarities: what tracking metrics take."""
from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparse3d.errors import DataError


@dataclass(frozen=True)
class IdentityFrames:
    """One class of one sequence, frame by frame, ids counted from 0.

    Attributes:
        gt: of each frame (N,) int64 rows of the objects.
        pred: of each frame (M,) int64 rows of the tracks.
        similarity: of each frame (N, M) float64 in 0..1, 1 for the same place.
        num_gt: number of objects of the sequence.
        num_pred: number of tracks.
    """

    gt: tuple[np.ndarray, ...]
    pred: tuple[np.ndarray, ...]
    similarity: tuple[np.ndarray, ...]
    num_gt: int
    num_pred: int

    def __len__(self) -> int:
        return len(self.gt)

    @classmethod
    def of(cls, gt_ids: Sequence[Sequence[Hashable]], pred_ids: Sequence[Sequence[Hashable]],
           similarity: Sequence[Any]) -> IdentityFrames:
        """From ids of any kind (numbers, tokens).

        Args:
            gt_ids: of each frame the ids of the objects.
            pred_ids: of each frame the ids of the tracks.
            similarity: of each frame (N, M) in 0..1: IoU, or 1 - distance / largest distance.

        Raises:
            DataError: if lengths disagree, an id stands twice in a frame, or a similarity is not
                in 0..1; each by its frame.
        """
        if not len(gt_ids) == len(pred_ids) == len(similarity):
            raise DataError(f'there are {len(gt_ids)} frames of objects, {len(pred_ids)} of tracks '
                            f'and {len(similarity)} of similarities; give the same number of each')
        gt, num_gt = _numbered(gt_ids, 'object')
        pred, num_pred = _numbered(pred_ids, 'track')
        pairs = tuple(_checked(value, len(rows), len(columns), frame) for frame, (
            value, rows, columns) in enumerate(zip(similarity, gt, pred, strict=True)))
        return cls(gt, pred, pairs, num_gt, num_pred)


def _numbered(ids: Sequence[Sequence[Hashable]], what: str) -> tuple[tuple[np.ndarray, ...], int]:
    """Rows in the order in which the ids appear, and how many there are."""
    rows: dict[Hashable, int] = {}
    frames = []
    for frame, here in enumerate(ids):
        if len(set(here)) < len(here):
            twice = next(one for place, one in enumerate(here) if one in list(here)[:place])
            raise DataError(f'frame {frame} has the {what} {twice!r} twice; an id is one {what} '
                            f'in a frame')
        frames.append(np.array([rows.setdefault(one, len(rows)) for one in here], np.int64))
    return tuple(frames), len(rows)


def _checked(value: Any, num_gt: int, num_pred: int, frame: int) -> np.ndarray:
    similarity = np.asarray(value, np.float64)
    if similarity.size == 0 and not num_gt * num_pred:
        return np.zeros((num_gt, num_pred))
    if similarity.shape != (num_gt, num_pred):
        raise DataError(f'the similarities of frame {frame} have the shape {similarity.shape}; '
                        f'{num_gt} objects and {num_pred} tracks need {(num_gt, num_pred)}')
    if not ((similarity >= 0) & (similarity <= 1 + 1e-9)).all():
        raise DataError(f'a similarity of frame {frame} is not in 0..1; give IoU, or 1 - distance '
                        f'/ largest distance')
    return similarity
