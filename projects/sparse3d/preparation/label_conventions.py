"""Which convention boxes follow, decided by the points around them.

Of the points within a box's circumscribed circle, more than 15 cm above its bottom and below its
top, those of the object lie inside the box if its convention is understood rightly. The share
of them inside (the box 6 % wider), averaged over boxes, is about 0.97 for clean shapes; each wrong
convention of the yaw gives 0.47 to 0.60, a wrong place about 0. Real clouds have neighbors,
walls and bushes within the circle: there right boxes give less, and only the comparison of
conventions decides. Squares tell nothing of their yaw.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Change = Callable[[np.ndarray], np.ndarray]  # (M, >=7) boxes to (M, 7) boxes
AS_GIVEN = 'as they are'
_WIDER = 1.06
_ABOVE_BOTTOM = 0.15  # meters: the ground is no evidence
_MIN_POINTS = 5       # in the circle of a box; fewer are no evidence
_RING = 1.5           # meters around the circle in which the ground is looked for
MIN_BOXES = 5         # fewer decide nothing
MIN_GAIN = 0.12       # by which another convention must be better
MIN_SHARE = 0.7       # that it must reach: below this nothing fits
MANY_BOXES = 20       # of which the share as given must be
RIGHT_SHARE = 0.75    # at least; real streets give 0.89 and more


def _changed(x: int, y: int, swap: bool, turn: float, sign: float) -> Change:
    """New x and y are the old ones (exchanged) times a sign; the yaw is ``turn + sign * yaw``."""
    def change(boxes: np.ndarray) -> np.ndarray:
        boxes = np.array(boxes[:, :7], dtype=np.float64)
        boxes[:, :2] = boxes[:, [1, 0] if swap else [0, 1]] * [x, y]
        boxes[:, 6] = turn + sign * boxes[:, 6]
        return boxes
    return change


_QUARTER = np.pi / 2
CONVENTIONS: dict[str, Change] = {
    AS_GIVEN: _changed(1, 1, False, 0, 1),
    'when yaw is turned by 90 degrees': _changed(1, 1, False, _QUARTER, 1),
    'when yaw is turned the other way (clockwise from x)': _changed(1, 1, False, 0, -1),
    'when yaw is taken clockwise from y': _changed(1, 1, False, _QUARTER, -1),
    'when yaw is taken for degrees': _changed(1, 1, False, 0, np.pi / 180),
    'when y is mirrored (the frame is left-handed, y to the right)': _changed(1, -1, False, 0, -1),
    'when x and y are exchanged': _changed(1, 1, True, 0, 1),
    'when x and y are exchanged, yaw counted from y': _changed(1, 1, True, _QUARTER, -1),
    'when the frame is turned by 90 degrees (x to the right, y ahead)':
        _changed(1, -1, True, -_QUARTER, 1),
    'when the frame is turned by 90 degrees (x to the left, y back)':
        _changed(-1, 1, True, _QUARTER, 1),
}
_TURNED = 'when yaw is turned by 90 degrees'
_EXCHANGED = 'when dx and dy are exchanged (dx is along the heading)'  # the same rectangle


@dataclass
class ConventionEvidence:
    """What the points of many frames say of their boxes' convention.

    Attributes:
        shares: of each box that has points around it in some convention, by frame.
        strict: sums of the shares within the boxes as they are.
        heights: bottom above the ground around it in meters, and height, of each box that has
            ground around it.
    """

    shares: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {name: [] for name in CONVENTIONS})
    strict: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CONVENTIONS, 0.0))
    heights: list[tuple[float, float]] = field(default_factory=list)
    slabs: list[float] = field(default_factory=list)
    longer: int = 0  # boxes with dx > dy, less those with dx < dy

    @property
    def boxes(self) -> int:
        """How many boxes have points around them in some convention."""
        return sum(map(len, self.shares[AS_GIVEN]))

    def add(self, points: np.ndarray, boxes: np.ndarray) -> None:
        """Take a frame in.

        Args:
            points: (N, >=3) x, y, z in meters.
            boxes: (M, >=7) boxes with bottom centers in the convention that is doubted.
        """
        if not len(points) or not len(boxes):
            return
        order = np.argsort(points[:, 0], kind='stable')
        xyz = points[order, :3].astype(np.float64)
        found = {name: _shares(xyz, change(boxes)) for name, change in CONVENTIONS.items()}
        seen = np.any([np.isfinite(share) for share, _ in found.values()], axis=0)
        self.longer += int(np.sign(boxes[seen, 3] - boxes[seen, 4]).sum())
        for name, (share, strict) in found.items():
            self.shares[name].append(np.nan_to_num(share[seen]))
            self.strict[name] += float(np.nansum(strict))
        self._add_heights(xyz, boxes)

    def share(self, convention: str = AS_GIVEN) -> float:
        """Mean share of the points around boxes that are inside; 0 without any."""
        return float(np.concatenate(self.shares[convention]).mean()) if self.boxes else 0.0

    def cure(self) -> tuple[str, float] | None:
        """The convention in which boxes hold their points, and its share; None if as given.

        None too if there are too few boxes, or none of the conventions fits.
        """
        if self.boxes < MIN_BOXES:
            return None
        best = max(CONVENTIONS, key=lambda name: (round(self.share(name), 2), self.strict[name]))
        gain = self.share(best) - self.share()
        if self.share(best) < MIN_SHARE or (gain < MIN_GAIN and not self._nearly_all_gain(best)):
            return None
        return (_EXCHANGED if best == _TURNED and self.longer < 0 else best), self.share(best)

    def fits_nothing(self) -> bool:
        """Whether many boxes leave more of their points outside than any real cloud does."""
        return self.boxes >= MANY_BOXES and self.share() < RIGHT_SHARE and self.cure() is None

    def wrong_height(self) -> tuple[float, float] | None:
        """How far boxes stand above the ground around them (negative: below), and their height.

        None where they stand on it, or hold the points above the ground as they are.
        """
        if len(self.heights) < MIN_BOXES or np.median(self.slabs) > 0.75:
            return None
        offset, height = np.median(self.heights, axis=0)
        return (float(offset), float(height)) if abs(offset) > max(0.3, 0.25 * height) else None

    def _nearly_all_gain(self, convention: str) -> bool:
        """Whether, where it makes a difference, boxes gain by it: most may stand along an axis."""
        gains = np.concatenate(self.shares[convention]) - np.concatenate(self.shares[AS_GIVEN])
        better, worse = int((gains > 0.1).sum()), int((gains < -0.1).sum())
        return better >= MIN_BOXES and better >= 5 * worse

    def _add_heights(self, xyz: np.ndarray, boxes: np.ndarray) -> None:
        for box in np.asarray(boxes, dtype=np.float64):
            near, along, across, distance = _near(xyz, box, _RING)
            radius = 0.5 * np.hypot(box[3], box[4])
            ring = near[distance > radius, 2]
            if len(ring) < 10:
                continue
            ground = float(np.percentile(ring, 10))
            inside = (np.abs(along) < _WIDER * box[3] / 2) & (np.abs(across) < _WIDER * box[4] / 2)
            z = near[inside, 2]
            z = z[(z > ground + _ABOVE_BOTTOM) & (z < ground + 1.5 * box[5])]
            if len(z) < _MIN_POINTS:
                continue
            self.heights.append((box[2] - ground, box[5]))
            self.slabs.append(float(((z > box[2]) & (z < box[2] + _WIDER * box[5])).mean()))


def _shares(xyz: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each box the share inside, 6 % wider and as it is; NaN with too few points around."""
    shares = np.full((2, len(boxes)), np.nan)
    for row, box in enumerate(boxes):
        near, along, across, _ = _near(xyz, box, 0.0)
        level = (near[:, 2] > box[2] + _ABOVE_BOTTOM) & (near[:, 2] < box[2] + _WIDER * box[5])
        if level.sum() < _MIN_POINTS:
            continue
        for place, factor in enumerate((_WIDER, 1.0)):
            inside = (np.abs(along) < factor * box[3] / 2) & (np.abs(across) < factor * box[4] / 2)
            shares[place, row] = inside[level].mean()
    return shares[0], shares[1]


def _near(xyz: np.ndarray, box: np.ndarray, more: float) -> tuple[np.ndarray, ...]:
    """Points within the circle, along and across the box, and their distance; xyz sorted by x."""
    radius = 0.5 * float(np.hypot(box[3], box[4])) + more
    begin, end = np.searchsorted(xyz[:, 0], (box[0] - radius, box[0] + radius))
    local = xyz[begin:end, :2] - box[:2]
    distance = np.hypot(local[:, 0], local[:, 1])
    kept = distance <= radius
    local = local[kept]
    cos, sin = np.cos(box[6]), np.sin(box[6])
    return (xyz[begin:end][kept], local[:, 0] * cos + local[:, 1] * sin,
            local[:, 1] * cos - local[:, 0] * sin, distance[kept])
