"""Waymo's 3D detection benchmark as a metric of mmengine."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from sparse3d.datasets.waymo.evaluate.evaluate import evaluate_waymo
from sparse3d.datasets.waymo.evaluate.frames import (
    WaymoFrames,
    center_boxes,
    frame_key,
    lidar_boxes,
)
from sparse3d.datasets.waymo.evaluate.objects import TYPES
from sparse3d.datasets.waymo.evaluate.zones import overlap_zones
from sparse3d.datasets.waymo.results import write_detection_submission
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.class_labels import refuse_unknown_labels
from sparse3d.metrics.matching_rules import Ignored, MatchingRule
from sparse3d.transforms.info_files import read_info_file

# mmdet3d's name of the class.
OTHER_NAMES = dict(Car='Vehicle')


@METRICS.register_module()
class WaymoDetectionMetric(BaseMetric):
    """AP and APH at LEVEL_1 and LEVEL_2 by type and range, without TensorFlow.

    Runs on the CPU and equals the official tool. The keys returned are those of
    :class:`~sparse3d.datasets.waymo.evaluate.result.WaymoResult` behind the prefix, e.g.
    ``waymo/Vehicle_L2_APH``; a table goes to the log. Evaluated are the frames that were
    predicted, recognized by the name of their point cloud, else by their place.

    Ground truth needs ``bbox_3d``, ``bbox_label_3d`` and ``num_lidar_pts``; an annotated
    ``difficulty`` is used where there is one. Where the info file has ``no_label_zones``
    (those of version 1 of the data set do), a detection that overlaps one is no false
    positive, as on Waymo's server.

    Args:
        ann_file: info file with ``instances``.
        format_only: write the submission and evaluate nothing (test set).
        submission_file: where to write a submission, None for nowhere.
        submission_fields: ``account_name``, ``unique_method_name`` and so on, see
            :func:`~sparse3d.datasets.waymo.results.write_detection_submission`.
        published_no_zones: take no detection to overlap a no-label zone, as the local
            evaluations behind most published validation results do.
        prefix: what the keys begin with.
        collect_device: see mmengine's ``BaseMetric``.

    Raises:
        ConfigError: for ``format_only`` without ``submission_file``, or unknown classes.
        DataError: for an unusable info file, or results that belong to none of its frames.
    """

    default_prefix = 'waymo'

    def __init__(self, ann_file: str, format_only: bool = False,
                 submission_file: str | None = None,
                 submission_fields: Mapping[str, Any] | None = None,
                 published_no_zones: bool = False, prefix: str | None = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and submission_file is None:
            raise ConfigError('format_only writes a submission and nothing else: say where with '
                              'submission_file')
        self.ann_file = ann_file
        self.format_only = format_only
        self.submission_file = submission_file
        self.submission_fields = dict(submission_fields or {})
        self.use_zones = not published_no_zones
        self._info: dict | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the detections of a batch as arrays."""
        classes = self._classes()
        types = np.array([TYPES[name] for name in classes], np.uint8)
        for sample in data_samples:
            pred = sample['pred_instances_3d']
            labels = pred['labels_3d'].detach().cpu().numpy()
            refuse_unknown_labels([labels], classes)
            self.results.append(dict(
                key=frame_key(sample), box=lidar_boxes(pred['bboxes_3d']), type=types[labels],
                score=pred['scores_3d'].detach().cpu().float().numpy()))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Evaluate the results of all processes; called on the first one."""
        classes = self._classes()
        info = read_info_file(self.ann_file, 'waymo')
        frames = WaymoFrames(info, self.ann_file)
        places = [frames.place(result['key']) for result in results]
        if self.submission_file is not None:
            objects = [dict(result, name=frames.name(place))
                       for place, result in zip(places, results, strict=True)]
            write_detection_submission(self.submission_file, objects, **self.submission_fields)
            print_log(f'wrote {self.submission_file}', 'current')
        if self.format_only:
            return {}
        if len(results) < len(frames):
            print_log(f'evaluating {len(results)} of the {len(frames)} frames of '
                      f'{self.ann_file}', 'current')
        names = _names_of_labels(info['metainfo'], classes)
        gt = [_labeled(frames, place, names) for place in places]
        if self.use_zones:
            results = [dict(result, overlaps_no_label_zone=overlap_zones(
                result['box'], *frames.zones(place)))
                for place, result in zip(places, results, strict=True)]
        result = evaluate_waymo(results, gt, classes)
        print_log(f'Waymo evaluation\n{result.table()}', 'current')
        return result.average_precision

    headline = ('L1_AP', 'L1_APH', 'L2_AP', 'L2_APH')    # what a report shows first

    def matching_rule(self, name: str) -> MatchingRule:
        """When a detection of a class is right, in space."""
        return MatchingRule('3D', 0.7 if OTHER_NAMES.get(name, name) == 'Vehicle' else 0.5)

    def ignored(self, sample: Mapping, boxes: np.ndarray) -> Ignored:
        """What of a predicted sample and its detections (N, >= 7) counts at no level: objects
        without points, detections in zones without labels."""
        if self._info is None:
            self._info = read_info_file(self.ann_file, 'waymo')
        frames = WaymoFrames(self._info, self.ann_file)
        place, classes = frames.place(frame_key(sample)), self._classes()
        names = _names_of_labels(self._info['metainfo'], classes)
        unseen = [item for item in frames.instances(place) if item['num_lidar_pts'] == 0
                  and names.get(item['bbox_label_3d']) in classes]
        in_zone = np.zeros(len(boxes), bool)
        if self.use_zones and len(boxes):
            in_zone = overlap_zones(lidar_boxes(sample['pred_instances_3d']['bboxes_3d']),
                                    *frames.zones(place))
        return Ignored(
            np.array([item['bbox_3d'][:7] for item in unseen], float).reshape(-1, 7),
            np.array([classes.index(names[item['bbox_label_3d']]) for item in unseen], int),
            in_zone)

    def _classes(self) -> list[str]:
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ConfigError('the data set names no classes: set metainfo=dict(classes=[...])')
        classes = [OTHER_NAMES.get(name, name) for name in classes]
        unknown = [name for name in classes if name not in TYPES]
        if unknown:
            raise ConfigError(f'Waymo cannot evaluate {", ".join(unknown)}; '
                              f'it can {", ".join(TYPES)}')
        return classes


def _names_of_labels(metainfo: Mapping, classes: Sequence[str]) -> dict[int, str]:
    """Name of each label; mmdet3d's own files name none and mean these three."""
    categories = metainfo.get('categories') or dict(Vehicle=0, Pedestrian=1, Cyclist=2)
    return {label: OTHER_NAMES.get(name, name) for name, label in categories.items()}


def _labeled(frames: WaymoFrames, place: int, names: Mapping[int, str]) -> dict[str, np.ndarray]:
    """Ground truth of a frame; labels that Waymo does not evaluate are left out."""
    try:
        items = [item for item in frames.instances(place)
                 if names.get(item['bbox_label_3d']) in TYPES]
        return dict(
            box=center_boxes([item['bbox_3d'][:7] for item in items]),
            type=np.array([TYPES[names[item['bbox_label_3d']]] for item in items]),
            num_points=np.array([item['num_lidar_pts'] for item in items]),
            difficulty=np.array([item.get('difficulty') or 0 for item in items]))
    except (KeyError, ValueError) as error:
        raise DataError(f'{frames.source(place)}: instances are not in the layout of mmdet3d '
                        f'1.4 ({type(error).__name__}: {error})') from error
