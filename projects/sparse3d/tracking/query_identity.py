"""Identities that a detector gives itself: its queries live on from frame to frame."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.tracks import CONFIRMED, Tracks, are_somebody, id_text
from sparse3d.tracking.plausible_options import refuse_odd_options
from sparse3d.tracking.tracker import FrameOrder


@dataclass(frozen=True)
class QueryIdentityOptions:
    """Options of :class:`QueryIdentityTracker`.

    Attributes:
        score_threshold: detections below it are left out.
    """

    score_threshold: float = 0.0

    def __post_init__(self) -> None:
        refuse_odd_options(self)


class QueryIdentityTracker:
    """Tracks are the ``track_ids`` of detections; nothing is matched. See :class:`Tracker`.

    A detection whose id is negative or empty is nobody and left out. Ids of another scene are
    other objects, whatever their numbers are.

    Source: Sparse4D v3 (arXiv 2311.11722), section 3.4.
    """

    def __init__(self, options: QueryIdentityOptions | None = None) -> None:
        self.options = options or QueryIdentityOptions()
        self._order, self._next_id = FrameOrder(), 0
        self._known: dict[str, tuple[int, int]] = {}  # id of the detector: ours, last age

    def reset(self) -> None:
        """A new scene begins."""
        self._order.clear()
        self._known = {}

    def update(self, detections: Detections, timestamp: float,
               ego_pose: np.ndarray | None = None) -> Tracks:
        """See :meth:`Tracker.update`.

        Raises:
            DataError: also for detections without ``track_ids``, or two of one.
        """
        timestamp = self._order.check(detections, timestamp, ego_pose).timestamp
        given = _given_ids(detections)
        kept = [row for row, one in enumerate(given)
                if one is not None and detections.scores[row] >= self.options.score_threshold]
        kept.sort(key=lambda row: -detections.scores[row])
        names = [given[row] for row in kept]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DataError(f'the track id {twice} stands twice in frame {detections.name}; an id '
                            f'is one object in a frame')
        self._order.accept(detections, timestamp, ego_pose)
        for name in names:
            self._see(str(name))
        mine = [self._known[str(name)] for name in names]
        seen = detections[np.array(kept, np.int64)]
        return Tracks(seen.boxes_3d, seen.scores, seen.labels, detections.class_names,
                      np.array([own for own, _ in mine], np.int64),
                      np.array([age for _, age in mine], np.int64),
                      np.full(len(mine), CONFIRMED), timestamp, detections.name)

    def _see(self, name: str) -> None:
        own, age = self._known.get(name, (self._next_id, -1))
        self._next_id = max(self._next_id, own + 1)
        self._known[name] = own, age + 1


def _given_ids(detections: Detections) -> list[str | None]:
    """The detector's id of each detection as a text; None for nobody.

    Raises:
        DataError: for detections without ids.
    """
    if detections.track_ids is None:
        if not len(detections):
            return []
        raise DataError(f'the detections of frame {detections.name} have no track ids: only a '
                        f'detector whose queries live on gives them; take the tracker two_stage')
    given = np.asarray(detections.track_ids)
    return [id_text(one) if somebody else None
            for one, somebody in zip(given.tolist(), are_somebody(given), strict=True)]
