"""KITTI's benchmark as a metric of mmengine."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from sparse3d.datasets.kitti.evaluate.annotations import EMPTY, KittiObjects
from sparse3d.datasets.kitti.evaluate.evaluate import IOU_THRESHOLDS, evaluate_kitti
from sparse3d.datasets.kitti.evaluate.ignored import ignored_in_frame
from sparse3d.datasets.kitti.evaluate.projection import lidar_boxes_to_kitti
from sparse3d.datasets.kitti.results import write_submission
from sparse3d.errors import ConfigError, DataError
from sparse3d.metrics.class_labels import refuse_unknown_labels
from sparse3d.metrics.matching_rules import NOTHING_IGNORED, Ignored, MatchingRule
from sparse3d.transforms.info_files import read_info_file


@METRICS.register_module()
class KittiDetectionMetric(BaseMetric):
    """AP in the image (2D, AOS), in the plane (BEV) and in space (3D) of LiDAR boxes.

    Runs on the CPU and equals the official C++ evaluation. Image boxes are projected
    from the 3D boxes; boxes outside the image are dropped. The keys returned are
    those of :class:`~sparse3d.datasets.kitti.evaluate.result.KittiResult` behind the
    prefix, e.g. ``kitti/Car_3D_R40_moderate``; a table goes to the log.

    Evaluated are the frames that were predicted. Frames are recognized by the name of
    their point cloud or image, else by their place in the info file.

    Args:
        ann_file: info file with ``instances``, DontCare areas among them.
        camera: key of the camera under ``images``.
        format_only: write result files and evaluate nothing (test set).
        submission_prefix: folder for result files, one per image of the info file;
            with ``format_only`` it is needed, else they are written beside evaluating.
        minimum_height_counts: see :func:`~sparse3d.datasets.kitti.evaluate.evaluate_kitti`.
        prefix: what the keys begin with.
        collect_device: see mmengine's ``BaseMetric``.

    Raises:
        ConfigError: for ``format_only`` without ``submission_prefix``, or classes
            without a KITTI overlap threshold.
        DataError: for an unusable info file, or results that belong to none of its
            frames.
    """

    default_prefix = 'kitti'

    def __init__(self, ann_file: str, camera: str = 'CAM2', format_only: bool = False,
                 submission_prefix: str | None = None, minimum_height_counts: bool = False,
                 prefix: str | None = None, collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and submission_prefix is None:
            raise ConfigError('format_only writes result files and nothing else: say where with '
                              'submission_prefix')
        self.ann_file = ann_file
        self.camera = camera
        self.format_only = format_only
        self.submission_prefix = submission_prefix
        self.minimum_height_counts = minimum_height_counts
        self._info: dict | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the detections of a batch as arrays."""
        for sample in data_samples:
            pred = sample['pred_instances_3d']
            boxes = pred['bboxes_3d']
            if not isinstance(boxes, LiDARInstance3DBoxes):
                raise DataError(f'KittiDetectionMetric takes LiDAR boxes, '
                                f'not {type(boxes).__name__}')
            self.results.append(dict(
                frame=_frame_key(sample), boxes=boxes.tensor[:, :7].detach().cpu().numpy(),
                scores=pred['scores_3d'].detach().cpu().float().numpy(),
                labels=pred['labels_3d'].detach().cpu().numpy()))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Evaluate the results of all processes; called on the first one."""
        classes = self._classes()
        refuse_unknown_labels((result['labels'] for result in results), classes)
        info = read_info_file(self.ann_file, 'kitti')
        frames = info['data_list']
        detections = self._detections(results, frames, classes)
        if self.submission_prefix is not None:
            write_submission(
                {frame['sample_idx']: detections.get(row, EMPTY)
                 for row, frame in enumerate(frames)}, self.submission_prefix)
            print_log(f'wrote {len(frames)} result files to {self.submission_prefix}', 'current')
        if self.format_only:
            return {}
        if len(detections) < len(frames):
            print_log(f'evaluating {len(detections)} of the {len(frames)} frames of '
                      f'{self.ann_file}', 'current')
        gt = self._ground_truth(info, list(detections))
        result = evaluate_kitti(list(detections.values()), gt, classes,
                                minimum_height_counts=self.minimum_height_counts)
        print_log(f'KITTI evaluation\n{result.table()}', 'current')
        return result.average_precision

    # What a report shows first: 40 recall points, strict overlaps.
    headline = ('3D_R40_easy', '3D_R40_moderate', '3D_R40_hard', 'BEV_R40_moderate',
                '2D_R40_moderate')

    def matching_rule(self, name: str) -> MatchingRule:
        """When a detection of a class is right, in space."""
        return MatchingRule('3D', IOU_THRESHOLDS[name]['strict'][2])

    def ignored(self, sample: Mapping, boxes: np.ndarray) -> Ignored:
        """What of a predicted sample and its detections (N, >= 7) counts at no difficulty."""
        if self._info is None:
            self._info = read_info_file(self.ann_file, 'kitti')
        frames = self._info['data_list']
        place = _indices(frames).get(_frame_key(sample))
        camera = frames[place].get('images', {}).get(self.camera) if place is not None else None
        if camera is None or 'instances' not in frames[place]:
            return NOTHING_IGNORED
        gt, = self._ground_truth(self._info, [place])
        return ignored_in_frame(gt, camera, boxes, self._classes(), self.minimum_height_counts)

    def _classes(self) -> list[str]:
        classes = (self.dataset_meta or {}).get('classes')
        if not classes:
            raise ConfigError('the data set names no classes: set metainfo=dict(classes=[...])')
        unknown = [name for name in classes if name not in IOU_THRESHOLDS]
        if unknown and not self.format_only:
            raise ConfigError(f'KITTI cannot evaluate {", ".join(unknown)}; '
                              f'it can {", ".join(IOU_THRESHOLDS)}')
        return list(classes)

    def _detections(self, results: list[dict], frames: list[dict],
                    classes: Sequence[str]) -> dict[int, KittiObjects]:
        """Detections by the place of their frame in the info file, in that order."""
        places = _indices(frames)
        detections = {}
        for result in results:
            place = places.get(result['frame'])
            if place is None:
                raise DataError(f'a result is of the frame {result["frame"]!r}, which '
                                f'{self.ann_file} does not hold')
            camera = frames[place].get('images', {}).get(self.camera, {})
            detections[place] = lidar_boxes_to_kitti(
                result['boxes'], result['scores'], result['labels'], classes, camera)
        return dict(sorted(detections.items()))

    def _ground_truth(self, info: Mapping, indices: Sequence[int]) -> list[KittiObjects]:
        names = {label: name for name, label in info['metainfo']['categories'].items()}
        gt = []
        for place in indices:
            frame = info['data_list'][place]
            source = f'frame {frame["sample_idx"]} of {self.ann_file}'
            if 'instances' not in frame:
                raise DataError(f'{source} has no instances: a split without labels can only be '
                                f'formatted (format_only=True)')
            gt.append(KittiObjects.from_instances(frame['instances'], names, source))
        return gt


def _frame_key(sample: Mapping) -> str | int:
    """Name of the frame's files, or its place in the data set."""
    for key in ('lidar_path', 'img_path'):
        path = sample.get(key)
        if isinstance(path, str):
            return Path(path).stem
    return int(sample['sample_idx'])


def _indices(frames: list[dict]) -> dict[str | int, int]:
    """Place in the info file by file name and by place."""
    places: dict[str | int, int] = dict(zip(range(len(frames)), range(len(frames)), strict=True))
    for place, frame in enumerate(frames):
        camera = frame.get('images', {}).get('CAM2', {})
        for path in (frame.get('lidar_points', {}).get('lidar_path'), camera.get('img_path')):
            if path:
                places[Path(path).stem] = place
    return places
