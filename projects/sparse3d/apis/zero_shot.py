"""A detector judged on labeled frames of data sets that it never saw."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sparse3d.apis.detector import Detector, load_detector
from sparse3d.atomic_files import check_place, make_folder
from sparse3d.engine.result_record import write_result
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.zero_shot import (
    CLASSES,
    IOU_THRESHOLDS,
    FrameScore,
    Limits,
    Summary,
    choose_threshold,
    score_frame,
    summarize,
)
from sparse3d.ops.points_in_boxes import count_points_in_boxes
from sparse3d.plugins import data_sets, load
from sparse3d.structures.detections import Detections, refuse_odd_threshold
from sparse3d.structures.labeled_frame import CAR, CYCLIST, PEDESTRIAN, LabeledFrame

# What detectors of other data sets call the three classes.
SAME = {'car': CAR, 'regular_vehicle': CAR, 'vehicle': CAR, 'pedestrian': PEDESTRIAN,
        'cyclist': CYCLIST, 'bicyclist': CYCLIST, 'bicycle': CYCLIST}
USUAL_THRESHOLD = .3  # of weights that recommend none


@dataclass(frozen=True)
class Judgement:
    """What a detector came to on some frames.

    Attributes:
        frames: that were looked at.
        detections: of each frame, all scores.
        scores: source to class to the score of each frame.
        threshold: of the scores, that the table is for.
    """

    frames: list[LabeledFrame]
    detections: list[Detections]
    scores: dict[str, dict[str, list[FrameScore]]]
    threshold: float

    def summaries(self) -> dict[str, dict[str, Summary]]:
        """Source to class to counts at the threshold."""
        return {source: {name: summarize(scores, self.threshold)
                         for name, scores in classes.items()}
                for source, classes in self.scores.items()}

    def table(self) -> str:
        """Counts and intervals in Markdown."""
        lines = ['| source | class | wanted | found at 0.5 | at 0.3 | false per frame |',
                 '|---|---|--:|--:|--:|--:|']
        for source, classes in self.summaries().items():
            for name, one in classes.items():
                found = [f'{one.found[iou]} ({_span(one.recall_interval[iou])})'
                         if one.wanted else '' for iou in IOU_THRESHOLDS]
                lines.append(
                    f'| {source} ({one.frames}) | {name} | {one.wanted} | {found[0]} | {found[1]} '
                    f'| {one.false / one.frames:.2f} ({_span(one.false_interval)}) |')
        return '\n'.join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For a result file."""
        return {source: {name: asdict(one) for name, one in classes.items()}
                for source, classes in self.summaries().items()}


def zero_shot(
        config: str | PathLike, checkpoint: str | PathLike | None,
        roots: Mapping[str, str | PathLike], score_threshold: float | None = None,
        limits: Limits | None = None, sensor_heights: Mapping[str, float] | None = None,
        pictures: str | PathLike | None = None, out: str | PathLike | None = None,
        device: str | None = None) -> Judgement:
    """Judge a detector on the labeled frames of several data sets.

    Args:
        config, checkpoint, device: see :func:`sparse3d.apis.load_detector`.
        roots: name of a data set to the folder of its raw files.
        score_threshold: that counts; None takes the one that the weights come with, else
            :data:`USUAL_THRESHOLD`.
        limits: which objects are wanted.
        sensor_heights: name of a data set to the height of its sensor above the ground in
            meters; a detector that finds the ground needs none.
        pictures: folder for a picture from above of each frame.
        out: JSON file for the numbers.

    Raises:
        ConfigError: for a data set that gives no labeled frames, a height of one that is not
            judged on, or a detector that takes no points.
        DataError: for files that cannot be read, or not be written.
    """
    limits, heights = limits or Limits(), sensor_heights or {}
    other = next((name for name in heights if name not in roots), None)
    if other is not None:
        raise ConfigError(f'there is a sensor height of {other}, which is not judged on; there are '
                          f'{", ".join(roots) or "no data sets"}')
    if score_threshold is not None:
        refuse_odd_threshold(score_threshold)
    for place in (pictures, out):
        if place is not None:
            check_place(place)
    judged, detectors = Judgement([], [], {}, 0.0), {}
    for name, frames in frames_by_name(roots).items():
        height = heights.get(name)
        if height not in detectors:
            detectors[height] = load_detector(config, checkpoint, device, sensor_height=height)
        detector = detectors[height]
        if not detector.samples.columns:
            raise ConfigError(f'{config} takes no points; name a detector of point clouds')
        if score_threshold is None:
            score_threshold = detector.score_threshold
        _judge_frames(detector, frames, limits, judged)
    judged = replace(judged, threshold=USUAL_THRESHOLD if score_threshold is None
                     else score_threshold)
    if pictures is not None:
        draw(judged, Path(pictures))
    if out is not None:
        write_result(out, {'threshold': judged.threshold, 'limits': asdict(limits),
                           'sources': judged.to_dict()})
    return judged


def frames_by_name(roots: Mapping[str, str | PathLike]) -> dict[str, list[LabeledFrame]]:
    """The labeled frames of several data sets.

    Args:
        roots: name of a data set to the folder of its raw files.

    Raises:
        ConfigError: if there is none, and as :func:`labeled_frames`.
        DataError: as :func:`labeled_frames`.
    """
    if not roots:
        raise ConfigError('there is nothing to judge on; name a data set and its folder, such as '
                          '--kitti FOLDER, or set SPARSE3D_REAL_DATA to a folder that has some')
    return {name: labeled_frames(name, root) for name, root in roots.items()}


def labeled_frames(name: str, root: str | PathLike) -> list[LabeledFrame]:
    """The labeled frames of a data set by the reader that its contract names.

    Raises:
        ConfigError: if the data set is unknown or has no such reader.
        DataError: if there are none.
    """
    contract = data_sets().get(name)
    able = [each for each, found in data_sets().items() if found.labeled_frames]
    if contract is None or contract.labeled_frames is None:
        raise ConfigError(f'{name} gives no labeled frames; these do: {", ".join(sorted(able))}')
    if not Path(root).is_dir():
        raise DataError(f'{root} is no folder; name the one with the files of {name}')
    return load(contract.labeled_frames)(Path(root))


def threshold_of(judged: Judgement, false_per_frame: float = 1.0) -> float:
    """The score at which so many false cars a frame are left, over all frames.

    Raises:
        DataError: if that is no number of boxes.
    """
    return choose_threshold([score for classes in judged.scores.values()
                             for score in classes[CAR]], false_per_frame)


def statistics(roots: Mapping[str, str | PathLike], path: str | PathLike | None = None) -> str:
    """Numbers of the sweeps of several data sets side by side, simulated against real.

    Args:
        roots: name of a data set to the folder of its raw files.
        path: a picture of the curves; None for none.

    Returns:
        A table in Markdown.

    Raises:
        ConfigError, DataError: as :func:`frames_by_name`.
    """
    from sparse3d.metrics.sweep_statistics import DISTANCES, TABLE_HEAD, sweep_statistics
    if path is not None:
        check_place(path)
    found = [sweep_statistics(frames) for frames in frames_by_name(roots).values()]
    if path is not None:
        from sparse3d.visualization.statistics_plot import draw_statistics
        draw_statistics(found, DISTANCES, path)
    return '\n'.join([*TABLE_HEAD, *(line for one in found for line in one.lines())])


def _judge_frames(detector: Detector, frames: Sequence[LabeledFrame], limits: Limits,
                  judged: Judgement) -> None:
    """Add what a detector comes to on the frames of a data set."""
    for frame in frames:
        points = np.zeros((len(frame.points), detector.samples.columns), np.float32)
        points[:, :3] = frame.points
        found = detector(points)
        counts = count_points_in_boxes(torch.from_numpy(frame.points.astype(np.float64)),
                                       torch.from_numpy(frame.boxes)).numpy()
        centers = found.boxes_3d[:, :3] + np.array([0, 0, 0.5]) * found.boxes_3d[:, 5:6]
        seen = frame.labeled(centers)
        names = np.array(_shared_names(found.names), object)
        classes = judged.scores.setdefault(frame.source, {name: [] for name in CLASSES})
        for name in CLASSES:
            rows = np.flatnonzero(names == name)
            classes[name].append(score_frame(
                (found.boxes_3d[rows, :7], found.scores[rows]), (frame.boxes, frame.kinds),
                counts, seen[rows], name, limits))
        judged.frames.append(frame)
        judged.detections.append(found)


def draw(judged: Judgement, folder: Path) -> list[Path]:
    """A picture from above of each frame: labels dashed, detections above the threshold."""
    from sparse3d.visualization.bev_view import draw_bev
    from sparse3d.visualization.frame import Boxes, Frame
    make_folder(folder)
    paths = []
    for frame, found in zip(judged.frames, judged.detections, strict=True):
        names = tuple(_shared_names(found.class_names))
        labels = np.array([names.index(kind) if kind in names else -1 for kind in frame.kinds], int)
        shown = found.filter(judged.threshold)
        path = folder / f'{frame.source.replace(" ", "_").lower()}_{frame.name}.png'
        draw_bev(Frame(frame.name, frame.points, names, Boxes(frame.boxes, labels),
                       Boxes(shown.boxes_3d, shown.labels, shown.scores)), path)
        paths.append(path)
    return paths


def _shared_names(names: Iterable[str]) -> list[str]:
    return [SAME.get(name.lower(), name) for name in names]


def _span(limits: tuple[float, float]) -> str:
    return f'{limits[0]:.2f} to {limits[1]:.2f}'
