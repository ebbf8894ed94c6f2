"""Argoverse 2's detection benchmark as a metric of mmengine."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.evaluate.box_columns import (
    BoxColumns,
    join_columns,
    make_columns,
    rotation_of_yaw,
)
from sparse3d.datasets.argoverse2.evaluate.detection_score import DetectionRules
from sparse3d.datasets.argoverse2.evaluate.evaluate import (
    LogPlace,
    evaluate_argoverse2,
    in_region,
)
from sparse3d.datasets.argoverse2.evaluate.map_rasters import find_map, read_region
from sparse3d.datasets.argoverse2.poses import EgoPoses
from sparse3d.datasets.argoverse2.results import submission_columns, write_argoverse2_submission
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.class_labels import refuse_unknown_labels
from sparse3d.metrics.matching_rules import NOTHING_IGNORED, Ignored, MatchingRule
from sparse3d.structures.box_conversions import lidar_to_center
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.info_files import read_info_file


@METRICS.register_module()
class Argoverse2DetectionMetric(BaseMetric):
    """AP, ATE, ASE, AOE and CDS by class and their means, equal to av2 0.3.6 to 1e-9.

    Keys are those of :class:`~sparse3d.datasets.argoverse2.evaluate.evaluate.Argoverse2Result`
    behind the prefix, e.g. ``argoverse2/mCDS``; a table goes to the log. Evaluated are the frames
    that were predicted. Averages are over the classes of the data set: with all 26 they are those
    of the leaderboard, where a class without objects counts with 0.

    Args:
        ann_file: info file with ``instances``.
        data_root: folder that its paths are relative to, for the maps; by default the folder of
            ``ann_file``.
        region_of_interest: count only boxes within 5 m of the drivable area, as the leaderboard
            does; it needs the maps of the logs.
        max_range: distance below which boxes count [m]; 150 on the leaderboard, 200 in some
            publications.
        format_only: write the submission and evaluate nothing (test set).
        submission_file: ``.feather`` file, None for nowhere.
        prefix: what the keys begin with.
        collect_device: see mmengine's ``BaseMetric``.

    Raises:
        ConfigError: for ``format_only`` without ``submission_file``, or unknown classes.
        DataError: for an unusable info file, a log without a map, or results of other frames.
    """

    default_prefix = 'argoverse2'

    def __init__(self, ann_file: str, data_root: str | None = None,
                 region_of_interest: bool = True, max_range: float = 150.0,
                 format_only: bool = False, submission_file: str | None = None,
                 prefix: str | None = None, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and submission_file is None:
            raise ConfigError('format_only writes a submission and nothing else: say where with '
                              'submission_file')
        if submission_file is not None and not submission_file.endswith('.feather'):
            raise ConfigError(f'submission_file is {submission_file!r}; the benchmark takes a '
                              f'.feather file')
        self.ann_file, self.data_root = ann_file, Path(data_root or Path(ann_file).parent)
        self.region_of_interest, self.max_range = region_of_interest, max_range
        self.format_only, self.submission_file = format_only, submission_file
        self._frames: _Frames | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the detections of a batch as arrays; a log without a map is told at once."""
        for sample in data_samples:
            if self.region_of_interest and not self.format_only:
                frames = self._open()
                frames.refuse_without_map(frames.entry(_sample_key(sample)))
            pred = sample['pred_instances_3d']
            if not isinstance(pred['bboxes_3d'], LiDARInstance3DBoxes):
                raise DataError(f'Argoverse2DetectionMetric takes LiDAR boxes, not '
                                f'{type(pred["bboxes_3d"]).__name__}')
            self.results.append(dict(
                key=_sample_key(sample), boxes=_numpy(pred['bboxes_3d'].tensor)[:, :7],
                scores=_numpy(pred['scores_3d']),
                labels=pred['labels_3d'].detach().cpu().numpy()))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Evaluate the results of all processes; called on the first one."""
        classes = self._classes()
        refuse_unknown_labels((result['labels'] for result in results), classes)
        frames = self._open()
        entries = [frames.entry(result['key']) for result in results]
        if self.submission_file is not None:
            count = write_argoverse2_submission(
                [_submitted(result, entry, classes)
                 for result, entry in zip(results, entries, strict=True)], self.submission_file)
            print_log(f'wrote {count} boxes of {len(results)} of {len(frames)} frames to '
                      f'{self.submission_file}', 'current')
        if self.format_only:
            return {}
        if len(results) < len(frames):
            print_log(f'evaluating {len(results)} of the {len(frames)} frames of {self.ann_file}',
                      'current')
        dts = join_columns([_empty(), *(_detected(result, entry) for result, entry in zip(
            results, entries, strict=True))])
        gts = join_columns([_empty(), *(frames.labeled(entry, classes) for entry in entries)])
        rules = replace(DetectionRules(), classes=tuple(classes), max_range=self.max_range)
        result = evaluate_argoverse2(dts, gts, rules,
                                     frames.place if self.region_of_interest else None)
        print_log(f'Argoverse 2 evaluation\n{result.table()}', 'current')
        return result.scores

    headline = ('AP', 'ATE', 'ASE', 'AOE', 'CDS')    # what a report shows first

    def matching_rule(self, name: str) -> MatchingRule:
        """When a detection is right: the distance at which the errors are taken."""
        return MatchingRule('distance', DetectionRules().error_distance)

    def ignored(self, sample: Mapping, boxes: np.ndarray) -> Ignored:
        """What of a predicted sample and its detections (N, >= 7) lies outside of range or
        region, and objects without points."""
        frames, classes = self._open(), self._classes()
        entry = frames.entry(_sample_key(sample))
        if 'instances' not in entry:
            return NOTHING_IGNORED
        found = _detected(dict(boxes=boxes[:, :7], scores=np.ones(len(boxes)),
                               labels=np.zeros(len(boxes), int)), entry)
        items, gts = frames.items(entry, classes), frames.labeled(entry, classes)
        out = self._is_out(gts, entry) | (gts.num_points == 0)
        gt_boxes = np.array([item['bbox_3d'][:7] for item in items], float).reshape(-1, 7)
        return Ignored(gt_boxes[out], gts.label[out], self._is_out(found, entry))

    def _is_out(self, boxes: BoxColumns, entry: Mapping) -> np.ndarray:
        out = np.linalg.norm(boxes.center, axis=1) >= self.max_range
        if self.region_of_interest and len(boxes):
            log = entry['log_id']
            out |= ~in_region(boxes, self._open().place(log), log)
        return out

    def _open(self) -> _Frames:
        if self._frames is None:
            self._frames = _Frames(self.ann_file, self.data_root)
        return self._frames

    def _classes(self) -> list[str]:
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ConfigError('the data set names no classes: set metainfo=dict(classes=[...])')
        unknown = [name for name in classes if name not in CLASSES]
        if unknown:
            raise ConfigError(f'Argoverse 2 does not evaluate {", ".join(unknown)}; it does '
                              f'{", ".join(CLASSES)}')
        return list(classes)


class _Frames:
    """The frames of an info file, with the places of their logs."""

    def __init__(self, ann_file: str, data_root: Path) -> None:
        info = read_info_file(ann_file, 'argoverse2')
        self.ann_file, self.root, self.entries = ann_file, data_root, info['data_list']
        self.names = {label: name for name, label in info['metainfo']['categories'].items()}
        self._rows = {entry['token']: row for row, entry in enumerate(self.entries)}
        self._places: dict[str, LogPlace] = {}
        self._with_map: set[str] = set()

    def __len__(self) -> int:
        return len(self.entries)

    def entry(self, key: str | int) -> dict:
        """The entry of a token or a place."""
        row = self._rows.get(key, -1) if isinstance(key, str) else key
        if not 0 <= row < len(self.entries):
            raise DataError(f'a result is of the sample {key!r}, which {self.ann_file} does not '
                            f'hold')
        return self.entries[row]

    def items(self, entry: Mapping, classes: Sequence[str]) -> list[dict]:
        """Objects of the classes."""
        if 'instances' not in entry:
            raise DataError(f'{self.ann_file} has no labels of {entry["token"]}: the test split is '
                            f'scored by the benchmark; use format_only=True')
        return [item for item in entry['instances']
                if self.names.get(item['bbox_label_3d']) in classes]

    def labeled(self, entry: Mapping, classes: Sequence[str]) -> BoxColumns:
        """Objects of the classes as columns."""
        items = self.items(entry, classes)
        return _columns(
            entry, np.array([item['bbox_3d'][:7] for item in items]).reshape(-1, 7),
            np.array([classes.index(self.names[item['bbox_label_3d']]) for item in items], int),
            num_points=np.array([item['num_lidar_pts'] for item in items], int))

    def refuse_without_map(self, entry: Mapping) -> None:
        """Raise where the log of an entry has no map; each log is looked at once."""
        if entry['log_id'] not in self._with_map:
            find_map(path_inside(self.root, entry['log_path']))
            self._with_map.add(entry['log_id'])

    def place(self, log: str) -> LogPlace:
        """Poses and region of a log; the region is made once."""
        if log not in self._places:
            entries = [entry for entry in self.entries if entry['log_id'] == log]
            times = np.array([entry['timestamp_ns'] for entry in entries], np.int64)
            order = np.argsort(times)
            matrices = np.array([entry['ego2global'] for entry in entries], np.float64)
            self._places[log] = LogPlace(
                EgoPoses(times[order], matrices[order]),
                read_region(path_inside(self.root, entries[0]['log_path'])))
        return self._places[log]


def _columns(entry: Mapping, boxes: np.ndarray, labels: np.ndarray, **more: Any) -> BoxColumns:
    boxes, count = lidar_to_center(boxes), len(boxes)
    return make_columns(
        np.full(count, entry['log_id'], object), np.full(count, entry['timestamp_ns'], np.int64),
        labels, np.column_stack([boxes[:, :6], rotation_of_yaw(boxes[:, 6])]), **more)


def _detected(result: Mapping, entry: Mapping) -> BoxColumns:
    return _columns(entry, np.asarray(result['boxes'], np.float64), result['labels'],
                    score=result['scores'])


def _submitted(result: Mapping, entry: Mapping, classes: Sequence[str]) -> dict:
    return submission_columns(result['boxes'], result['scores'],
                              [classes[label] for label in result['labels']], entry['log_id'],
                              entry['timestamp_ns'])


def _empty() -> BoxColumns:
    return make_columns(np.zeros(0, object), np.zeros(0), np.zeros(0), np.zeros((0, 10)))


def _numpy(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()


def _sample_key(sample: Mapping) -> str | int:
    """Token of the sample, or of its point cloud's log and time, or its place in the data set."""
    if isinstance(sample.get('token'), str):
        return sample['token']
    path = sample.get('lidar_path')
    if path is not None and len(Path(path).parts) >= 4:  # <log>/sensors/lidar/<time>.feather
        return f'{Path(path).parts[-4]}_{Path(path).stem}'
    return int(sample['sample_idx'])
