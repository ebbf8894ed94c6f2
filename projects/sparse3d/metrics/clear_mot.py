"""CLEAR MOT: misses, false boxes and switched identities, and MOTA and MOTP from them.

Source: Bernardin and Stiefelhagen 2008, "Evaluating Multiple Object Tracking Performance: The
CLEAR MOT Metrics"; mostly tracked and mostly lost of Nevatia et al. 2008. The numbers are those of
TrackEval 1.3, with which KITTI and MOTChallenge score; the tests hold it beside these. nuScenes
counts by other rules, see ``sparse3d.datasets.nuscenes.evaluate.tracking``.
"""
from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment

from sparse3d.metrics.identity_frames import IdentityFrames

_EPS = float(np.finfo(float).eps)
_KEPT = 1000.0  # what it is worth to go on with the track of the frame before


@dataclass(frozen=True)
class ClearMot:
    """Counts of a sequence; those of several are their sum (``+``).

    Attributes:
        tp: pairs found. fn: objects missed. fp: false boxes.
        switches: an object found as another track than the last time.
        fragments: an object found again after it was missed.
        mostly_tracked: objects found in more than 80 % of their frames.
        partly_tracked: in 20 % to 80 %.
        mostly_lost: in less.
        similarity: summed over the pairs.
        frames: of the sequence.
    """

    tp: int = 0
    fn: int = 0
    fp: int = 0
    switches: int = 0
    fragments: int = 0
    mostly_tracked: int = 0
    partly_tracked: int = 0
    mostly_lost: int = 0
    similarity: float = 0.0
    frames: int = 0

    def __add__(self, other: ClearMot) -> ClearMot:
        return ClearMot(*(getattr(self, field.name) + getattr(other, field.name)
                          for field in fields(self)))

    def summary(self) -> dict[str, float]:
        """By TrackEval's names; shares in 0..1."""
        objects = max(1, self.tp + self.fn)
        return {'MOTA': (self.tp - self.fp - self.switches) / objects,
                'MOTP': self.similarity / max(1, self.tp),
                'MODA': (self.tp - self.fp) / objects,
                'sMOTA': (self.similarity - self.fp - self.switches) / objects,
                'CLR_Re': self.tp / objects, 'CLR_Pr': self.tp / max(1, self.tp + self.fp),
                'MT': self.mostly_tracked, 'PT': self.partly_tracked, 'ML': self.mostly_lost,
                'IDSW': self.switches, 'Frag': self.fragments, 'CLR_TP': self.tp,
                'CLR_FN': self.fn, 'CLR_FP': self.fp}


def clear_mot(frames: IdentityFrames, threshold: float = 0.5) -> ClearMot:
    """CLEAR MOT of one class of one sequence.

    Objects first keep the track of the frame before; then the sum of similarities is largest.

    Args:
        frames: ids and similarities.
        threshold: similarity from which a pair may be one.
    """
    num_gt, num_pred = (sum(map(len, ids)) for ids in (frames.gt, frames.pred))
    if not num_gt or not num_pred:
        return ClearMot(fn=num_gt, fp=num_pred, mostly_lost=frames.num_gt, frames=len(frames))
    state = _Objects(frames.num_gt)
    for gt, pred, similarity in zip(frames.gt, frames.pred, frames.similarity, strict=True):
        state.seen[gt] += 1
        if len(gt) and len(pred):  # a frame without either does not end a track, as in TrackEval
            state.match(gt, pred, similarity, threshold)
    share = state.matched[state.seen > 0] / state.seen[state.seen > 0]
    tracked, half = int((share > 0.8).sum()), int((share >= 0.2).sum())
    tp = int(state.matched.sum())
    return ClearMot(tp, num_gt - tp, num_pred - tp, state.switches,
                    int(np.maximum(state.starts - 1, 0).sum()), tracked, half - tracked,
                    frames.num_gt - half, state.similarity, len(frames))


class _Objects:
    """What is known of each object while the frames pass."""

    def __init__(self, count: int) -> None:
        self.seen, self.matched, self.starts = (np.zeros(count, np.int64) for _ in range(3))
        self.last = np.full(count, -1)     # track of its last pair, ever
        self.current = np.full(count, -1)  # track of the frame before, -1 if it was missed there
        self.switches, self.similarity = 0, 0.0

    def match(self, gt: np.ndarray, pred: np.ndarray, similarity: np.ndarray,
              threshold: float) -> None:
        """Pair the objects and tracks of a frame."""
        value = _KEPT * (self.current[gt][:, None] == pred[None]) + similarity
        value[similarity < threshold - _EPS] = 0
        rows, columns = linear_sum_assignment(-value)
        found = value[rows, columns] > _EPS
        rows, columns = rows[found], columns[found]
        objects, tracks = gt[rows], pred[columns]
        self.switches += int(((self.last[objects] >= 0) & (self.last[objects] != tracks)).sum())
        self.matched[objects] += 1
        self.starts[objects] += self.current[objects] < 0
        self.last[objects] = tracks
        self.current[:] = -1
        self.current[objects] = tracks
        self.similarity += float(similarity[rows, columns].sum())
