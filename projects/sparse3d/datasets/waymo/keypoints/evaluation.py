"""Human keypoints of Waymo: MPJPE, PCK, OKS-AP and PEM by two protocols."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sparse3d.datasets.waymo.keypoints.matching import (
    Matches,
    Rows,
    match_by_iou,
    match_by_mean_error,
    rows_to_score,
)
from sparse3d.datasets.waymo.keypoints.people import GROUPS, KeypointPeople
from sparse3d.datasets.waymo.keypoints.scores import (
    position_scores,
    similarity_scores,
    visibility_scores,
)
from sparse3d.errors import ConfigError


@dataclass(frozen=True)
class KeypointProtocol:
    """How people are matched and what is averaged.

    Attributes:
        matcher: ``'mean_error'`` (that of the pose challenge) or ``'overlap'`` (3D boxes
            that overlap by at least 0.5).
        misses_count: whether missed people count in MPJPE, PCK and OKS (they lower OKS
            only); the pose metric PEM always counts them and false positives.
        by_frame: whether the average precision is a mean over frames or over all people.
        published_boxes: whether boxes are misread as in the official code, which turns
            them by the opposite of their heading for ``'mean_error'`` and takes the center
            for the bottom for ``'overlap'``.
    """

    matcher: str = 'mean_error'
    misses_count: bool = True
    by_frame: bool = True
    published_boxes: bool = True


# Waymo's pose estimation challenge; plug-ins add the protocols of their papers.
PROTOCOLS = dict(waymo=KeypointProtocol())


@dataclass
class KeypointResult:
    """Numbers of one evaluation.

    Attributes:
        scores: by key, of each of the groups HEAD ... ANKLES and ALL: ``MPJPE/ALL``
            (meters), ``PCK/ALL @ 0.05``, ``OKS/ALL P @ 0.50``, ``OKS/ALL AP``,
            ``PEM/ALL`` (meters, smaller is better), ``Precision/ALL``, ``Recall/ALL``. NaN is
            a mean over nothing: MPJPE and PCK where no matched person has such a joint.
        num_matched, num_missed, num_false: people.
        notes: what the numbers do not say by themselves, in sentences.
    """

    scores: dict[str, float] = field(default_factory=dict)
    num_matched: int = 0
    num_missed: int = 0
    num_false: int = 0
    notes: list[str] = field(default_factory=list)

    def table(self) -> str:
        """The main numbers by group, with the notes below."""
        kinds = ('MPJPE/{}', 'PCK/{} @ 0.20', 'PCK/{} @ 0.50', 'OKS/{} AP', 'PEM/{}')
        titles = ('MPJPE m', 'PCK@.2', 'PCK@.5', 'OKS AP', 'PEM m')
        lines = [f'{"":<12}' + ''.join(f'{title:>9}' for title in titles)]
        for group in GROUPS:
            lines.append(f'{group:<12}' + ''.join(
                f'{self.scores[kind.format(group)]:9.4f}' for kind in kinds))
        lines.append(f'people: {self.num_matched} matched, {self.num_missed} missed, '
                     f'{self.num_false} false positives')
        return '\n'.join(lines + [f'note: {note}' for note in self.notes])


def evaluate_keypoints(
        predictions: KeypointPeople | Mapping | Sequence[Mapping],
        ground_truth: KeypointPeople | Mapping | Sequence[Mapping],
        protocol: str | KeypointProtocol = 'waymo',
) -> KeypointResult:
    """Evaluate predicted people with the rules of the official metrics.

    Either side is one table of all frames (a dict of arrays ``frame, box, location,
    visibility``, see :class:`KeypointPeople`) or a list with such a dict without ``frame``
    for each frame. Boxes have their geometric center as reference (Waymo's convention,
    not that of mmdet3d). Scores play no part: drop duplicates and weak detections before.

    Computed in float64; the official float32 sums differ from it by up to 2e-5.

    Args:
        protocol: ``'waymo'``, the name that a plug-in added, or a :class:`KeypointProtocol`.

    Raises:
        DataError: for unusable arrays.
        ConfigError: for an unknown protocol or matcher.

    Source: ``keypoint_metrics.py`` of the Waymo Open Dataset, version 1.6.
    """
    protocol = _protocol(protocol)
    pred, gt = _people(predictions, 'predictions'), _people(ground_truth, 'ground truth')
    frames = list(_rows_of_frames(gt, pred, protocol))
    pieces = [(rows.gt, rows.pred) for rows in frames]
    result = KeypointResult(
        num_matched=sum(rows.matched for rows in frames),
        num_missed=sum(int((rows.pred < 0).sum()) for rows in frames),
        num_false=sum(int((rows.gt < 0).sum()) for rows in frames))
    result.scores = visibility_scores(*_paired(gt, pred, pieces))
    if not protocol.misses_count:
        pieces = [(rows.gt[:rows.matched], rows.pred[:rows.matched]) for rows in frames]
    rows = _paired(gt, pred, pieces)
    result.scores |= position_scores(*rows)
    lengths = [len(part) for part, _ in pieces] if protocol.by_frame else [len(rows[0])]
    updates = np.split(np.arange(len(rows[0])), np.cumsum(lengths)[:-1]) if lengths else []
    result.scores |= similarity_scores(*rows, updates)
    result.notes += _notes(gt, pred, result.num_matched)
    return result


def _protocol(protocol: str | KeypointProtocol) -> KeypointProtocol:
    if isinstance(protocol, str):
        if protocol not in PROTOCOLS:
            raise ConfigError(f'there is no keypoint protocol {protocol!r}; '
                              f'there are {", ".join(PROTOCOLS)}')
        return PROTOCOLS[protocol]
    if protocol.matcher not in ('mean_error', 'iou'):
        raise ConfigError(f"matcher is 'mean_error' or 'overlap', not {protocol.matcher!r}")
    return protocol


def _people(values, role: str) -> KeypointPeople:
    if isinstance(values, KeypointPeople):
        return values
    if isinstance(values, Mapping):
        return KeypointPeople.from_arrays(values, role)
    return KeypointPeople.from_frames(values, role)


def _rows_of_frames(gt: KeypointPeople, pred: KeypointPeople,
                    protocol: KeypointProtocol) -> Iterator[Rows]:
    """What to score in each frame that has people, in rows of the whole tables."""
    keys, place = np.unique(np.concatenate([gt.frame, pred.frame]), return_inverse=True)
    orders = [np.argsort(rank, kind='stable')
              for rank in (place[:len(gt)], place[len(gt):])]
    edges = [np.searchsorted(rank[order], np.arange(len(keys) + 1))
             for rank, order in zip((place[:len(gt)], place[len(gt):]), orders,
                                    strict=True)]
    for frame in range(len(keys)):
        own, theirs = (order[edge[frame]:edge[frame + 1]]
                       for order, edge in zip(orders, edges, strict=True))
        people = gt.select(own), pred.select(theirs)
        rows = rows_to_score(*people, _match(*people, protocol))
        yield Rows(_outer(own, rows.gt), _outer(theirs, rows.pred), rows.matched)


def _match(gt: KeypointPeople, pred: KeypointPeople, protocol: KeypointProtocol) -> Matches:
    if protocol.matcher == 'iou':
        return match_by_iou(gt, pred, published_height=protocol.published_boxes)
    return match_by_mean_error(gt, pred, protocol.published_boxes)


def _outer(rows: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Rows of the table for rows of the frame; -1 stays."""
    return np.append(rows, -1)[inner]


def _paired(gt: KeypointPeople, pred: KeypointPeople,
            pieces: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple:
    """Ground truth and prediction of every row to score."""
    nobody = np.zeros(0, np.int64)
    return (gt.select(np.concatenate([nobody, *(part for part, _ in pieces)])),
            pred.select(np.concatenate([nobody, *(part for _, part in pieces)])))


def _notes(gt: KeypointPeople, pred: KeypointPeople, matched: int) -> list[str]:
    if not gt.visible.any():
        return ['there is no ground truth with a visible keypoint: the numbers say nothing']
    if not len(pred):
        return ['nobody was predicted; nan is a mean over nobody']
    if not matched:
        return [f'nobody was matched: all {len(pred)} people predicted are away from those '
                'labeled; nan is a mean over nobody']
    return []
