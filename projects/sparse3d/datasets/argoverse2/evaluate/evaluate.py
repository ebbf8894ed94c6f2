"""Argoverse 2's detection scores of detections and objects, with region and range."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparse3d.datasets.argoverse2.evaluate.box_columns import BoxColumns
from sparse3d.datasets.argoverse2.evaluate.detection_score import (
    MEASURES,
    Assignment,
    DetectionRules,
    assign,
    detection_score,
)
from sparse3d.datasets.argoverse2.evaluate.map_rasters import RegionOfInterest
from sparse3d.datasets.argoverse2.poses import EgoPoses
from sparse3d.errors import DataError

_BOXES_AT_ONCE = 100_000


@dataclass(frozen=True)
class LogPlace:
    """Where a log is: poses of its sweeps and the region that is evaluated."""
    poses: EgoPoses
    roi: RegionOfInterest


@dataclass(frozen=True)
class Argoverse2Result:
    """Scores of a set of sweeps.

    Attributes:
        by_class: AP, ATE [m], ASE, AOE [rad], CDS by class, not rounded; ``AVERAGE_METRICS`` are
            their means over the classes.
        assignment: what became of each box.
        notes: what a reader should know, in sentences.
    """

    by_class: dict[str, dict[str, float]]
    assignment: Assignment
    notes: tuple[str, ...] = ()

    @property
    def scores(self) -> dict[str, float]:
        """``mAP``, ``mATE``, ..., ``mCDS``, then ``REGULAR_VEHICLE_AP`` and so on."""
        means = {f'm{key}': value for key, value in self.by_class['AVERAGE_METRICS'].items()}
        return means | {f'{name}_{key}': value for name, values in self.by_class.items()
                        if name != 'AVERAGE_METRICS' for key, value in values.items()}

    def table(self) -> str:
        """A row per class, then the means; three decimals, as the leaderboard has."""
        lines = [f'{"class":<34}' + ''.join(f'{name:>8}' for name in MEASURES)]
        lines += [f'{name if name != "AVERAGE_METRICS" else "mean":<34}'
                  + ''.join(f'{values[key]:8.3f}' for key in MEASURES)
                  for name, values in self.by_class.items()]
        return '\n'.join(lines + [f'note: {note}' for note in self.notes])


def evaluate_argoverse2(dts: BoxColumns, gts: BoxColumns, rules: DetectionRules | None = None,
                        place_of: Callable[[str], LogPlace] | None = None) -> Argoverse2Result:
    """Score detections as the benchmark does.

    Args:
        dts: detections, labels as in ``rules.classes``.
        gts: objects.
        rules: those of the leaderboard by default.
        place_of: gives poses and region of a log; called once for each. None counts boxes
            everywhere.

    Raises:
        DataError: for a log or time of which there is no map or pose.
    """
    rules = rules or DetectionRules()
    dts_in, gts_in = np.ones(len(dts), bool), np.ones(len(gts), bool)
    if place_of is not None:
        rows_of = [rows_of_logs(boxes.log) for boxes in (dts, gts)]
        for log in sorted({*rows_of[0], *rows_of[1]}):
            place = place_of(log)
            for boxes, of, inside in zip((dts, gts), rows_of, (dts_in, gts_in), strict=True):
                rows = of.get(log, np.zeros(0, np.int64))
                inside[rows] = in_region(boxes.select(rows), place, log)
    assignment = assign(dts, gts, rules, dts_in, gts_in)
    without = [name for label, name in enumerate(rules.classes)
               if not (assignment.gts_evaluated & (gts.label == label)).any()]
    notes = (f'{len(without)} of {len(rules.classes)} classes have no object here and count with '
             f'AP 0, as on the leaderboard: {", ".join(without[:3])}'
             f'{", ..." if len(without) > 3 else ""}',) if without else ()
    return Argoverse2Result(detection_score(dts, gts, rules, assignment), assignment, notes)


def rows_of_logs(log: np.ndarray) -> dict[str, np.ndarray]:
    """Rows (rising) of each name in (N,); one pass, however many logs there are."""
    numbers: dict[str, int] = {}
    number = np.fromiter((numbers.setdefault(name, len(numbers)) for name in log.tolist()),
                         np.int64, len(log))
    parts = np.split(np.argsort(number, kind='stable'),
                     np.cumsum(np.bincount(number, minlength=len(numbers)))[:-1])
    return dict(zip(numbers, parts, strict=True)) if numbers else {}


def in_region(boxes: BoxColumns, place: LogPlace, log: str = '') -> np.ndarray:
    """(N,) which boxes of a log have a corner in its region.

    Raises:
        DataError: naming the log and a time without a pose.
    """
    inside = np.zeros(len(boxes), bool)
    for start in range(0, len(boxes), _BOXES_AT_ONCE):
        part = boxes.select(np.arange(start, min(start + _BOXES_AT_ONCE, len(boxes))))
        try:
            poses = place.poses.at(part.timestamp)
        except DataError as error:
            raise DataError(f'log {log}: {error}') from error
        corners = part.corners() @ np.swapaxes(poses[:, :3, :3], 1, 2) + poses[:, None, :3, 3]
        inside[start:start + len(part)] = place.roi.contains_box(corners)
    return inside
