"""HOTA: how well objects are found and how well their identities are kept, in one number.

Source: Luiten et al. 2021, "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking";
the numbers are those of TrackEval 1.3, which the tests hold beside these.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sparse3d.metrics.identity_frames import IdentityFrames

ALPHAS = np.arange(0.05, 0.99, 0.05)  # similarities from which a pair counts as found
_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Hota:
    """HOTA of a sequence, or of several together; every array has one value per ``ALPHAS``.

    Attributes:
        tp: pairs found. fn: objects missed. fp: false boxes.
        ass_a: association accuracy. ass_re: its recall. ass_pr: its precision.
        loc_a: mean similarity of the pairs found.
    """

    tp: np.ndarray
    fn: np.ndarray
    fp: np.ndarray
    ass_a: np.ndarray
    ass_re: np.ndarray
    ass_pr: np.ndarray
    loc_a: np.ndarray

    @property
    def det_a(self) -> np.ndarray:
        """Detection accuracy."""
        return self.tp / np.maximum(1, self.tp + self.fn + self.fp)

    @property
    def hota(self) -> np.ndarray:
        """The geometric mean of detection and association accuracy."""
        return np.sqrt(self.det_a * self.ass_a)

    def summary(self) -> dict[str, float]:
        """The means over ``ALPHAS``, in 0..1, by TrackEval's names."""
        det_re = self.tp / np.maximum(1, self.tp + self.fn)
        det_pr = self.tp / np.maximum(1, self.tp + self.fp)
        rows = {'HOTA': self.hota, 'DetA': self.det_a, 'AssA': self.ass_a, 'DetRe': det_re,
                'DetPr': det_pr, 'AssRe': self.ass_re, 'AssPr': self.ass_pr, 'LocA': self.loc_a}
        return {name: float(np.mean(values)) for name, values in rows.items()}


def hota(frames: IdentityFrames) -> Hota:
    """HOTA of one class of one sequence.

    In each frame objects and tracks are paired once, so that the sum of similarity times the
    agreement of the two over the whole sequence is largest; a pair counts at every similarity
    (``ALPHAS``) that it reaches.
    """
    gt_count = np.bincount(_joined(frames.gt), minlength=frames.num_gt)[:, None]
    pred_count = np.bincount(_joined(frames.pred), minlength=frames.num_pred)[None]
    agreement = _agreement(frames, gt_count, pred_count)
    total = (int(gt_count.sum()), int(pred_count.sum()))
    gt, pred, similarity = _pairs(frames, agreement)
    empty = not total[0] or not total[1]
    rows = [_at(alpha, gt, pred, similarity, gt_count, pred_count) for alpha in ALPHAS]
    tp, ass_a, ass_re, ass_pr, loc_a = (np.array(column) for column in zip(*rows, strict=True))
    return Hota(tp, total[0] - tp, total[1] - tp, ass_a, ass_re, ass_pr,
                np.ones(len(ALPHAS)) if empty else loc_a)


def combine_hota(parts: Sequence[Hota]) -> Hota:
    """HOTA of several sequences: counts are added, association is weighted by pairs found."""
    tp = np.sum([part.tp for part in parts], axis=0)

    def total(name: str) -> np.ndarray:
        return np.sum([getattr(part, name) * part.tp for part in parts], axis=0)

    ass_a, ass_re, ass_pr = (total(name) / np.maximum(1, tp)
                             for name in ('ass_a', 'ass_re', 'ass_pr'))
    return Hota(tp, np.sum([part.fn for part in parts], axis=0),
                np.sum([part.fp for part in parts], axis=0), ass_a, ass_re, ass_pr,
                np.maximum(1e-10, total('loc_a')) / np.maximum(1e-10, tp))


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _agreement(frames: IdentityFrames, gt_count: np.ndarray, pred_count: np.ndarray) -> np.ndarray:
    """How much each object and each track are one over the sequence, [objects, tracks]."""
    shared = np.zeros((frames.num_gt, frames.num_pred))
    for gt, pred, similarity in zip(frames.gt, frames.pred, frames.similarity, strict=True):
        total = similarity.sum(0)[None] + similarity.sum(1)[:, None] - similarity
        shared[gt[:, None], pred[None]] += np.divide(
            similarity, total, out=np.zeros_like(similarity), where=total > _EPS)
    return shared / (gt_count + pred_count - shared)


def _pairs(frames: IdentityFrames, agreement: np.ndarray,
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objects, tracks and similarities of all pairs."""
    parts = []
    for gt, pred, similarity in zip(frames.gt, frames.pred, frames.similarity, strict=True):
        rows, columns = linear_sum_assignment(-agreement[gt[:, None], pred[None]] * similarity)
        parts.append((gt[rows], pred[columns], similarity[rows, columns]))
    gts, preds, similarities = zip(*parts, strict=True) if parts else ((), (), ())
    return _joined(gts), _joined(preds), np.concatenate([np.zeros(0), *similarities])


def _at(alpha: float, gt: np.ndarray, pred: np.ndarray, similarity: np.ndarray,
        gt_count: np.ndarray, pred_count: np.ndarray) -> tuple[float, ...]:
    """Pairs, AssA, AssRe, AssPr and LocA at one similarity."""
    found = similarity >= alpha - _EPS
    tp = int(found.sum())
    matches = np.zeros((len(gt_count), pred_count.shape[1]))
    np.add.at(matches, (gt[found], pred[found]), 1)
    accuracy = matches / np.maximum(1, gt_count + pred_count - matches)
    shares = (accuracy, matches / np.maximum(1, gt_count), matches / np.maximum(1, pred_count))
    return (tp, *(float((matches * share).sum()) / max(1, tp) for share in shares),
            max(1e-10, float(similarity[found].sum())) / max(1e-10, tp))
