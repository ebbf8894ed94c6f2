"""nuScenes' detection benchmark as a metric of mmengine."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from sparse3d.datasets.nuscenes.categories import ATTRIBUTES, CLASSES
from sparse3d.datasets.nuscenes.evaluate.evaluate import evaluate_nuscenes
from sparse3d.datasets.nuscenes.evaluate.ignored import ignored_in_frame
from sparse3d.datasets.nuscenes.prepare.tables import (
    has_own_scenes,
    open_tables,
    samples_of,
    scenes_of_splits,
)
from sparse3d.datasets.nuscenes.results import (
    make_submission,
    sample_boxes,
    write_nuscenes_submission,
)
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.class_labels import refuse_unknown_labels
from sparse3d.metrics.matching_rules import NOTHING_IGNORED, Ignored, MatchingRule
from sparse3d.transforms.info_files import read_info_file


@METRICS.register_module()
class NuScenesDetectionMetric(BaseMetric):
    """mAP, NDS and true-positive errors of LiDAR boxes, as the nuscenes-devkit's.

    Keys are those of :class:`~sparse3d.datasets.nuscenes.evaluate.evaluate.NuScenesResult`
    behind the prefix, e.g. ``nuscenes/NDS``; a table goes to the log. Predictions may carry
    ``attr_labels`` (rows of mmdet3d's attribute list); otherwise attributes follow from
    class and speed. The benchmark scores whole splits: samples without a prediction count
    as samples without detections.

    Args:
        data_root: folder that holds the tables, e.g. ``v1.0-mini/``.
        ann_file: info file of the split.
        modality: what the detector uses, for the submission's header.
        format_only: write the submission and evaluate nothing (test set).
        submission_file: ``.json`` file; with ``format_only`` it is needed, else it is
            written beside evaluating.
        far_from: also give the average precision of what is so many meters away or farther, as
            ``far_mAP`` and ``car_far_AP``.
        prefix: what the keys begin with.
        collect_device: see mmengine's ``BaseMetric``.

    Raises:
        ConfigError: for ``format_only`` without ``submission_file``, or unknown classes.
        DataError: for an unusable info file or tables, or results of other samples.
    """

    default_prefix = 'nuscenes'

    def __init__(self, data_root: str, ann_file: str, modality: Mapping[str, bool] | None = None,
                 format_only: bool = False, submission_file: str | None = None,
                 far_from: float | None = None,
                 prefix: str | None = None, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and submission_file is None:
            raise ConfigError('format_only writes the submission and nothing else: say where '
                              'with submission_file')
        self.data_root, self.ann_file = data_root, ann_file
        self.modality = dict(modality or dict(use_lidar=True))
        self.format_only, self.submission_file = format_only, submission_file
        self.far_from = far_from
        self._info: dict | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the detections of a batch as arrays."""
        for sample in data_samples:
            pred = sample['pred_instances_3d']
            boxes = pred['bboxes_3d']
            if not isinstance(boxes, LiDARInstance3DBoxes):
                raise DataError(f'NuScenesDetectionMetric takes LiDAR boxes, '
                                f'not {type(boxes).__name__}')
            attributes = pred['attr_labels'] if 'attr_labels' in pred else None
            ids = pred['track_ids'] if 'track_ids' in pred else None
            self.results.append(dict(
                sample=_sample_key(sample), boxes=boxes.tensor.detach().cpu().double().numpy(),
                scores=pred['scores_3d'].detach().cpu().double().numpy(),
                labels=pred['labels_3d'].detach().cpu().numpy(),
                attributes=None if attributes is None else attributes.detach().cpu().numpy(),
                track_ids=None if ids is None else ids.detach().cpu().numpy()))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Evaluate the results of all processes; called on the first one."""
        classes = self._classes()
        refuse_unknown_labels((result['labels'] for result in results), classes)
        info = read_info_file(self.ann_file, 'nuscenes')
        records = self._records(results, info['data_list'], classes)
        if self.format_only:
            self._write(records)
            return {}
        tables = open_tables(Path(self.data_root), info['metainfo']['version'])
        own = _own_split(tables, info)
        split, tokens = own or _split_of(tables, records, self.ann_file)
        if len(results) < len(tokens):
            print_log(f'{len(results)} of the {len(tokens)} samples of {split} have a prediction; '
                      f'the others count as empty', 'current')
        records = {token: records.get(token, []) for token in tokens}
        self._write(records)
        result = evaluate_nuscenes(make_submission(records, self.modality), tables, split,
                                   tokens=tokens if own else None, far_from=self.far_from)
        print_log(f'nuScenes evaluation on {split}\n{result.table()}', 'current')
        return {**result.scores, **self.more_scores(results, info, tables, split, tokens)}

    def more_scores(self, results: list[dict], info: Mapping, tables: Any, split: str,
                    tokens: Sequence[str]) -> dict[str, float]:
        """Further scores of the same results; a metric that has some says so here.

        Args:
            results: as :meth:`process` keeps them.
            info: content of the info file.
            tables: of the data set.
            split: its name.
            tokens: of its samples.
        """
        return {}

    # What a report shows first; the benchmark scores whole splits alone.
    headline = ('AP', 'ATE', 'ASE', 'AOE', 'AVE', 'AAE')
    whole_split = True

    def matching_rule(self, name: str) -> MatchingRule:
        """When a detection is right: the distance at which the errors are taken."""
        return MatchingRule('distance', 2.0)

    def ignored(self, sample: Mapping, boxes: np.ndarray) -> Ignored:
        """What of a predicted sample and its detections (N, >= 7) is out of range or has no
        points. Bicycles in racks, which need the tables, are not told apart."""
        if self._info is None:
            self._info = read_info_file(self.ann_file, 'nuscenes')
        entries, key = self._info['data_list'], _sample_key(sample)
        if isinstance(key, str):
            names = [Path(entry['lidar_points']['lidar_path']).name for entry in entries]
            key = names.index(key) if key in names else -1
        if not 0 <= key < len(entries) or 'instances' not in entries[key]:
            return NOTHING_IGNORED
        names = {label: name for name, label in self._info['metainfo']['categories'].items()}
        return ignored_in_frame(entries[key], names, self._classes(), boxes,
                                sample['pred_instances_3d']['labels_3d'].cpu().numpy())

    def _write(self, records: dict[str, list[dict]]) -> None:
        if self.submission_file is not None:
            write_nuscenes_submission(make_submission(records, self.modality),
                                      self.submission_file)
            print_log(f'wrote {len(records)} samples to {self.submission_file}', 'current')

    def _classes(self) -> list[str]:
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ConfigError('the data set names no classes: set metainfo=dict(classes=[...])')
        unknown = [name for name in classes if name not in CLASSES]
        if unknown:
            raise ConfigError(f'nuScenes does not evaluate {", ".join(unknown)}; '
                              f'it does {", ".join(CLASSES)}')
        return list(classes)

    def _records(self, results: list[dict], entries: list[dict],
                 classes: Sequence[str]) -> dict[str, list[dict]]:
        """Boxes of a submission by sample token; every entry of the info file has some."""
        records: dict[str, list[dict]] = {entry['token']: [] for entry in entries}
        for row, result in self.by_row(results, entries).items():
            entry = entries[row]
            lidar2global = (np.array(entry['ego2global'])
                            @ np.array(entry['lidar_points']['lidar2ego']))
            records[entry['token']] = sample_boxes(
                entry['token'], result['boxes'], result['scores'], result['labels'], classes,
                lidar2global, _attribute_names(result['attributes']), result.get('track_ids'))
        return records

    def by_row(self, results: Sequence[dict], entries: Sequence[Mapping]) -> dict[int, dict]:
        """Results by the place of their sample in the info file, in its order.

        Identities are numbered anew, scene by scene: processes that tested different scenes
        counted for themselves.

        Raises:
            DataError: for a result of another sample.
        """
        places = {Path(entry['lidar_points']['lidar_path']).name: row
                  for row, entry in enumerate(entries)}
        found: dict[int, dict] = {}
        for result in results:
            key = result['sample']
            row = places.get(key, -1) if isinstance(key, str) else key
            if not 0 <= row < len(entries):
                raise DataError(f'a result is of the sample {key!r}, which {self.ann_file} does '
                                f'not hold')
            found[row] = result
        numbers: dict[tuple[Any, int], int] = {}
        ordered = {row: dict(found[row]) for row in sorted(found)}
        for row, result in ordered.items():
            if result.get('track_ids') is not None:
                scene = entries[row].get('scene_token')
                result['track_ids'] = np.array([
                    numbers.setdefault((scene, one), len(numbers)) if one >= 0 else one
                    for one in np.asarray(result['track_ids']).tolist()], np.int64)
        return ordered


def _own_split(tables, info: Mapping) -> tuple[str, list[str]] | None:
    """Name and sample tokens of a split of own scenes; None for the splits of nuScenes."""
    stamp = info['metainfo'].get('stamp', {})
    if not has_own_scenes(tables) and not stamp.get('options', {}).get('val_scenes'):
        return None
    scenes = {entry['scene_token'] for entry in info['data_list']}
    return stamp.get('split', 'own scenes'), [
        sample['token'] for scene in tables.scene if scene['token'] in scenes
        for sample in samples_of(tables, scene)]


def _split_of(tables, records: Mapping[str, list], ann_file: str) -> tuple[str, list[str]]:
    """The official name of the split that holds the samples, and all its sample tokens."""
    for split, scenes in scenes_of_splits(tables).items():
        tokens = [sample['token'] for scene in scenes for sample in samples_of(tables, scene)]
        if records and set(records) <= set(tokens):
            name = f'mini_{split}' if tables.version.endswith('mini') else split
            return name, tokens
    raise DataError(f'the samples of {ann_file} are not those of one split of '
                    f'{tables.table_root}; make the info file again with '
                    f'"sparse3d create-data nuscenes"')


def _attribute_names(labels: np.ndarray | None) -> list[str] | None:
    if labels is None:
        return None
    return [ATTRIBUTES[label] if 0 <= label < len(ATTRIBUTES) else '' for label in labels]


def _sample_key(sample: Mapping) -> str | int:
    """Name of the sample's point cloud, or its place in the data set."""
    path = sample.get('lidar_path')
    if isinstance(path, str | os.PathLike):
        return Path(path).name
    return int(sample['sample_idx'])
