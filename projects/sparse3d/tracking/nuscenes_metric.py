"""Detection scores of nuScenes, and beside them the tracking scores of any trackers."""
from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.logging import print_log

from sparse3d.datasets.nuscenes.evaluate.metric import NuScenesDetectionMetric
from sparse3d.datasets.nuscenes.evaluate.tracking import evaluate_nuscenes_tracking
from sparse3d.datasets.nuscenes.evaluate.tracking_boxes import TRACKING_CLASSES
from sparse3d.datasets.nuscenes.results import make_submission, of_records
from sparse3d.datasets.nuscenes.tracks import tracks_to_nuscenes
from sparse3d.errors import DataError
from sparse3d.structures.detections import Detections
from sparse3d.structures.result_files import of_classes
from sparse3d.structures.track_files import TrackFrame, scenes_in_order, track_format
from sparse3d.tracking.choose import make_tracker
from sparse3d.transforms.camera_history import lidar2global


@METRICS.register_module()
class NuScenesTrackingMetric(NuScenesDetectionMetric):
    """nuScenes' detection scores, and its tracking scores of what trackers make of the detections.

    Keys of a tracker stand behind its name: ``nuscenes/two_stage/AMOTA``,
    ``nuscenes/two_stage/car_AMOTA``. A tracker that cannot follow these detections (without ids,
    without velocities) is left out, and the log says why.

    Args:
        trackers: options of each tracker by its name, see
            :func:`sparse3d.tracking.make_tracker`; ``query_identity`` takes the identities that
            the detector gave.
        options: of :class:`NuScenesDetectionMetric`.

    Raises:
        ConfigError: for an unknown tracker or option.
    """

    def __init__(self, *arguments: Any, trackers: Mapping[str, Mapping] | None = None,
                 **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.trackers = {name: dict(given or {}) for name, given in (trackers or {}).items()}
        for name, given in self.trackers.items():
            make_tracker(name, given)  # a wrong one is told before the test

    def more_scores(self, results: list[dict], info: Mapping, tables: Any, split: str,
                    tokens: Sequence[str]) -> dict[str, float]:
        """Scores of each tracker; see :class:`NuScenesDetectionMetric`."""
        classes, entries = self._classes(), info['data_list']
        submitted = self._records(results, entries, classes)
        found = {entries[row]['token']: _detections(
            submitted[entries[row]['token']], lidar2global(entries[row]),
            np.shape(result['boxes'])[-1] > 7)
            for row, result in self.by_row(results, entries).items()}
        scenes = scenes_in_order([entry for entry in entries if entry['token'] in found],
                                 track_format('nuscenes'), self.ann_file)
        scores: dict[str, float] = {}
        for name, options in self.trackers.items():
            records = {token: list[dict]() for token in tokens}
            try:
                records.update(_tracked(scenes, found, name, options))
            except DataError as error:  # the detection scores of hours are not lost
                print_log(f'no tracking scores with {name}: {error}', 'current',
                          logging.WARNING)
                continue
            result = evaluate_nuscenes_tracking(
                make_submission(records, self.modality), tables, split, tokens=list(tokens))
            print_log(f'nuScenes tracking with {name}\n{result.table()}', 'current')
            shown = {*classes} & {*TRACKING_CLASSES}
            scores |= {f'{name}/{key}': value for key, value in result.scores.items()
                       if '_' not in key or key.rpartition('_')[0] in shown}
        return scores


def _detections(records: Sequence[Mapping], pose: np.ndarray, with_velocity: bool) -> Detections:
    """What can be tracked of a sample as it is submitted, so that the tracks of the written file
    are the same."""
    found = of_classes(of_records(records, pose), TRACKING_CLASSES)
    return found if with_velocity else replace(found, boxes_3d=found.boxes_3d[:, :7])


def _tracked(scenes: Sequence[Sequence[TrackFrame]], found: Mapping[str, Detections], name: str,
             options: Mapping) -> dict[str, list[dict]]:
    """Records of a submission by sample."""
    tracker, records = make_tracker(name, options), {}
    for scene in scenes:
        tracker.reset()
        for frame in scene:
            tracks = tracker.update(found[frame.name], frame.seconds, frame.pose)
            records[frame.name] = tracks_to_nuscenes(tracks, frame.name, frame.pose)
    return records
