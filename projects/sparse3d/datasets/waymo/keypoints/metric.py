"""Keypoints of people as a metric of mmengine."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmdet3d.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from sparse3d.datasets.waymo.evaluate.frames import (
    WaymoFrames,
    center_boxes,
    frame_key,
    lidar_boxes,
)
from sparse3d.datasets.waymo.keypoints.evaluation import evaluate_keypoints
from sparse3d.datasets.waymo.results import write_keypoint_submission
from sparse3d.errors import ConfigError, DataError
from sparse3d.structures.keypoints import Keypoints3D
from sparse3d.transforms.info_files import read_info_file


@METRICS.register_module()
class WaymoKeypointMetric(BaseMetric):
    """MPJPE, PCK, OKS-AP and PEM of predicted people, without TensorFlow.

    Predictions are ``bboxes_3d`` (LiDAR boxes) with ``keypoints_3d``, either a ``Keypoints3D``
    or [N, 14, 3] with ``keypoints_visible`` [N, 14] beside it. Ground truth are the instances
    of the info file that carry both. The keys returned are those of
    :class:`~sparse3d.datasets.waymo.keypoints.evaluation.KeypointResult` behind the prefix,
    e.g. ``waymo/PEM/ALL``; a table goes to the log.

    Args:
        ann_file: info file.
        protocol: ``'waymo'`` or a name that a plug-in added, see
            :data:`~sparse3d.datasets.waymo.keypoints.evaluation.PROTOCOLS`.
        score_threshold: predictions below it are dropped, as no metric looks at scores.
        format_only: write the submission and evaluate nothing (test set).
        submission_file: where to write a submission, None for nowhere.
        submission_fields: ``account_name``, ``unique_method_name`` and so on.
        evaluation_range: x, y, z minima, then maxima, in meters: people whose box has its center,
            seen from above, elsewhere count neither as labeled nor as found. None for all.
        prefix: what the keys begin with.
        collect_device: see mmengine's ``BaseMetric``.

    Raises:
        ConfigError: for ``format_only`` without ``submission_file``.
        DataError: for an unusable info file, or results that belong to none of its frames.
    """

    default_prefix = 'waymo'

    def __init__(self, ann_file: str, protocol: str = 'waymo', score_threshold: float = 0.0,
                 format_only: bool = False, submission_file: str | None = None,
                 submission_fields: Mapping[str, Any] | None = None,
                 evaluation_range: Sequence[float] | None = None, prefix: str | None = None,
                 collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and submission_file is None:
            raise ConfigError('format_only writes a submission and nothing else: say where with '
                              'submission_file')
        self.ann_file = ann_file
        self.protocol = protocol
        self.score_threshold = score_threshold
        self.format_only = format_only
        self.submission_file = submission_file
        self.evaluation_range = (
            None if evaluation_range is None else np.reshape(evaluation_range, (2, 3))[:, :2]
        )
        self.submission_fields = dict(submission_fields or {})

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep the people of a batch as arrays."""
        for sample in data_samples:
            pred = sample['pred_instances_3d']
            sure = pred['scores_3d'].detach().cpu().float().numpy() >= self.score_threshold
            location, visibility = _joints(pred)
            self.results.append(dict(
                key=frame_key(sample), box=lidar_boxes(pred['bboxes_3d'])[sure],
                location=location[sure], visibility=visibility[sure]))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Evaluate the results of all processes; called on the first one."""
        frames = WaymoFrames(read_info_file(self.ann_file, 'waymo'), self.ann_file)
        places = [frames.place(result['key']) for result in results]
        if self.submission_file is not None:
            people = [dict(result, name=frames.name(place))
                      for place, result in zip(places, results, strict=True)]
            write_keypoint_submission(self.submission_file, people, **self.submission_fields)
            print_log(f'wrote {self.submission_file}', 'current')
        if self.format_only:
            return {}
        result = evaluate_keypoints(
            [_inside(people, self.evaluation_range) for people in results],
            [_inside(_labeled(frames, place), self.evaluation_range) for place in places],
            self.protocol,
        )
        print_log(f'Waymo keypoints, protocol {self.protocol}\n{result.table()}', 'current')
        return result.scores


def _inside(people: dict, evaluation_range: np.ndarray | None) -> dict:
    """The people of a frame in a region [[x, y], [x, y]] on the ground; all without one."""
    if evaluation_range is None:
        return people
    center = people['box'][:, :2]
    rows = ((center >= evaluation_range[0]) & (center <= evaluation_range[1])).all(axis=1)
    return {key: values[rows] if isinstance(values, np.ndarray) else values
            for key, values in people.items()}


def _joints(pred: Mapping) -> tuple[np.ndarray, np.ndarray]:
    """Locations [N, 14, 3] and visibility [N, 14] of predicted people."""
    joints = pred['keypoints_3d']
    if isinstance(joints, Keypoints3D):
        joints = joints.points, joints.visibility
    else:
        joints = joints, pred['keypoints_visible']
    return tuple(part.detach().cpu().float().numpy() for part in joints)


def _labeled(frames: WaymoFrames, place: int) -> dict[str, np.ndarray]:
    """People of a frame with labeled keypoints."""
    people = [item for item in frames.instances(place) if item.get('keypoints_3d') is not None]
    try:
        return dict(
            box=center_boxes([item['bbox_3d'] for item in people]),
            location=np.array([item['keypoints_3d'] for item in people]).reshape(-1, 14, 3),
            visibility=np.array([item['keypoints_visible'] for item in people]).reshape(-1, 14),
            num_points=np.array([item.get('num_lidar_pts', 1) for item in people]))
    except (KeyError, ValueError) as error:
        raise DataError(f'{frames.source(place)}: instances do not carry 14 keypoints '
                        f'({type(error).__name__}: {error})') from error
