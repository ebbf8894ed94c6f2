"""nuScenes' detection score on random boxes, beside the devkit's where that is installed."""
from __future__ import annotations

import time

import numpy as np

from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.evaluate.box_columns import BoxColumns
from sparse3d.datasets.nuscenes.evaluate.detection_score import RULES, detection_score
from sparse3d.datasets.nuscenes.evaluate.read_boxes import read_submission, that_count
from sparse3d.datasets.nuscenes.results import sample_boxes

SAMPLES, DETECTIONS, GROUND_TRUTHS = 200, 200, 30
# As many as the validation split has.
ALL_SAMPLES = 6019
WITH_DEVKIT = 10    # repeats from which the devkit scores the whole split
_FREQUENT = [0.4, 0.08, 0.02, 0.02, 0.02, 0.02, 0.02, 0.22, 0.1, 0.1]  # shares of the classes


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for time; see :mod:`sparse3d_benchmarks`.

    Each figure is one call. Of all samples of the split the devkit is asked where ``repeats`` is
    10 or more: that takes it minutes.
    """
    return [_row(SAMPLES, True), _row(ALL_SAMPLES, repeats >= WITH_DEVKIT),
            _metric_row(ALL_SAMPLES)]


def _row(samples: int, with_devkit: bool) -> dict:
    """The score of boxes that stand in columns already."""
    pred, gt = typical_boxes(samples)
    wall, cpu = time.perf_counter(), time.process_time()
    summary = detection_score(pred, gt, RULES['detection_cvpr_2019'])
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    baseline, note = devkit_seconds(pred, gt, summary['nd_score']) if with_devkit else \
        (None, f'the devkit is asked with --repeats {WITH_DEVKIT}')
    return dict(
        name=f'nuScenes score, {samples:,} samples', value=wall, unit='s', baseline=baseline,
        ratio=None if baseline is None else baseline / wall,
        note=f'{DETECTIONS} detections and {GROUND_TRUTHS} objects in a sample; {cpu:.1f} s of '
             f'CPU; {note}')


def _metric_row(samples: int) -> dict:
    """All that the metric does with detections: records of a submission, read again, scored."""
    pred, gt = typical_boxes(samples)
    boxes = np.column_stack([pred.center, pred.size, pred.yaw, pred.velocity])
    ends = np.searchsorted(pred.sample, np.arange(samples + 1))
    rules, eye = RULES['detection_cvpr_2019'], np.eye(4)
    wall, cpu = time.perf_counter(), time.process_time()
    records = {}
    for sample in range(samples):
        rows, token = slice(*ends[sample:sample + 2]), str(sample)
        records[token] = sample_boxes(token, boxes[rows], pred.score[rows], pred.label[rows],
                                      CLASSES, eye)
    read = read_submission(records, dict.fromkeys(records, np.zeros(3)), rules)
    detection_score(that_count(read, rules), gt, rules)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return dict(
        name=f'nuScenes metric, {samples:,} samples', value=wall, unit='s', baseline=None,
        ratio=None, note=f'detections to records of a submission, read, checked and scored; '
                         f'{DETECTIONS} in a sample; {cpu:.1f} s of CPU')


def typical_boxes(samples: int, seed: int = 0) -> tuple[BoxColumns, BoxColumns]:
    """Detections and ground truth; every seventh detection is near an object of its class."""
    random = np.random.default_rng(seed)
    gt, pred = (_draw(random, samples, number) for number in (GROUND_TRUTHS, DETECTIONS))
    near = np.flatnonzero(np.arange(len(pred)) % 7 == 0)
    rows = pred.sample[near] * GROUND_TRUTHS + random.integers(0, GROUND_TRUTHS, len(near))
    pred.label[near] = gt.label[rows]
    pred.center[near] = gt.center[rows] + random.normal(0, 0.5, (len(near), 3))
    pred.score[near] = random.beta(4, 2, len(near))
    return pred, gt


def devkit_seconds(pred: BoxColumns, gt: BoxColumns, nd_score: float) -> tuple[float | None, str]:
    """Time of the devkit's evaluation of the same boxes, and what to say of it."""
    try:
        from nuscenes.eval.common.data_classes import EvalBoxes
        from nuscenes.eval.detection.config import config_factory
        from nuscenes.eval.detection.data_classes import DetectionBox
        from nuscenes.eval.detection.evaluate import DetectionEval
    except ImportError:
        return None, 'the devkit is not installed'
    devkit = DetectionEval.__new__(DetectionEval)  # its constructor reads tables and files
    devkit.cfg, devkit.verbose = config_factory('detection_cvpr_2019'), False
    for side, columns in (('pred_boxes', pred), ('gt_boxes', gt)):
        boxes = EvalBoxes()
        for row in range(len(columns)):
            token, turn = str(columns.sample[row]), columns.yaw[row] / 2
            boxes.add_boxes(token, [DetectionBox(
                token, tuple(columns.center[row]), tuple(columns.size[row]),
                (np.cos(turn), 0.0, 0.0, np.sin(turn)), tuple(columns.velocity[row]),
                detection_name=CLASSES[columns.label[row]],
                detection_score=float(columns.score[row]))])
        setattr(devkit, side, boxes)
    start = time.perf_counter()
    metrics, _ = devkit.evaluate()
    seconds = time.perf_counter() - start
    return seconds, f"NDS differs from the devkit's by {abs(metrics.nd_score - nd_score):.0e}"


def _draw(random: np.random.Generator, samples: int, number: int) -> BoxColumns:
    count = samples * number
    center = np.append(random.uniform(-25, 25, (count, 2)), np.zeros((count, 1)), axis=1)
    return BoxColumns(
        sample=np.repeat(np.arange(samples), number),
        label=random.choice(len(CLASSES), count, p=_FREQUENT), center=center,
        size=random.uniform(1, 4, (count, 3)), yaw=random.uniform(-np.pi, np.pi, count),
        velocity=random.normal(size=(count, 2)), attribute=np.full(count, -1),
        score=random.beta(2, 5, count), distance=np.linalg.norm(center, axis=1),
        num_points=np.full(count, 5))
