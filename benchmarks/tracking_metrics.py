"""Tracking scores at the size of nuScenes' validation split, beside the devkit and TrackEval."""
from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import numpy as np

from sparse3d.datasets.nuscenes.categories import CLASSES
from sparse3d.datasets.nuscenes.evaluate import tracking_score
from sparse3d.datasets.nuscenes.evaluate.tracking_boxes import (
    LABELS,
    TRACKING_CLASSES,
    Samples,
    TrackColumns,
    with_mean_scores,
    without_holes,
)
from sparse3d.metrics.clear_mot import clear_mot
from sparse3d.metrics.hota import hota
from sparse3d.metrics.identity_frames import IdentityFrames

SCENES, FRAMES = 150, 40            # of the validation split
DEVKIT_SCENES = 2
OBJECTS = dict(car=12, pedestrian=6, truck=2, bus=1, trailer=1, bicycle=1, motorcycle=1)
FALSE_TRACKS = 40                   # for each object of a class in a frame
_HALF_SECOND = 500_000              # [us]


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows for time; see :mod:`sparse3d_benchmarks`.

    ``repeats`` is not used: each figure is one call, in seconds of one core.
    """
    return [_nuscenes(), *_shared()]


def typical_tracks(scenes: int, seed: int = 0) -> tuple[TrackColumns, TrackColumns, Samples]:
    """Tracks, objects and samples; a sixth of the boxes of tracks belong to an object."""
    random = np.random.default_rng(seed)
    samples = Samples(tuple(map(str, range(scenes * FRAMES))), np.repeat(np.arange(scenes), FRAMES),
                      np.tile(np.arange(FRAMES) * _HALF_SECOND, scenes))
    gt: list[tuple] = []
    pred: list[tuple] = []
    for scene in range(scenes):
        for name, count in OBJECTS.items():
            for _ in range(3 * count):
                _object(random, scene * FRAMES, LABELS[name], gt, pred)
            for _ in range(FALSE_TRACKS * count):
                first = random.integers(0, FRAMES - 5)
                where = 1000 + random.uniform(-50, 50, 2) + random.normal(0, 0.3, (5, 2))
                pred.append((scene * FRAMES + first + np.arange(5), np.full(5, LABELS[name]), where,
                             np.full(5, 2 * len(gt) + 2 * len(pred) + 10 ** 7),
                             random.uniform(0.05, 0.4, 5)))
    return (without_holes(with_mean_scores(_columns(pred)), samples),
            without_holes(_columns(gt), samples), samples)


def _object(random: np.random.Generator, first_sample: int, label: int, gt: list[tuple],
            pred: list[tuple]) -> None:
    """An object of 8 to 21 frames, and its track, which changes its id in the middle at times."""
    first = random.integers(0, FRAMES - 8)
    frames = np.arange(first, min(FRAMES, first + random.integers(8, 22)))
    where = 1000 + random.uniform(-50, 50, 2) + frames[:, None] * random.normal(0, 1, 2)
    number = len(gt)
    gt.append((frames + first_sample, np.full(len(frames), label), where,
               np.full(len(frames), number), np.full(len(frames), -1.0)))
    seen = random.random(len(frames)) < 0.8
    ids = np.full(len(frames), 2 * number)
    ids[len(frames) // 2:] += int(random.random() < 0.3)
    pred.append(((frames + first_sample)[seen], np.full(seen.sum(), label),
                 where[seen] + random.normal(0, 0.4, (seen.sum(), 2)), ids[seen],
                 random.uniform(0.2, 0.9, seen.sum())))


def _columns(parts: list[tuple]) -> TrackColumns:
    columns = [np.concatenate(part) for part in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind='stable')
    return TrackColumns(*(column[order] for column in columns))


def _nuscenes() -> dict:
    pred, gt, samples = typical_tracks(SCENES)
    start = time.process_time()
    tracking_score.tracking_score(pred, gt, samples, tracking_score.TrackingRules())
    seconds = time.process_time() - start
    small = typical_tracks(DEVKIT_SCENES)
    theirs, note = devkit_seconds(*small)
    baseline = None if theirs is None else theirs * SCENES / DEVKIT_SCENES
    return dict(
        name=f'nuScenes tracking score, {SCENES} scenes', value=seconds, unit='s of one core',
        baseline=baseline, ratio=None if baseline is None else baseline / seconds,
        note=f'{len(gt) / len(samples.tokens):.0f} objects and '
             f'{len(pred) / len(samples.tokens):.0f} boxes of tracks a frame; {note}')


def devkit_seconds(pred: TrackColumns, gt: TrackColumns,
                   samples: Samples) -> tuple[float | None, str]:
    """Time of the devkit on the same boxes, and what to say of it."""
    try:
        from nuscenes.eval.common.config import config_factory
        from nuscenes.eval.tracking.algo import TrackingEvaluation
        from nuscenes.eval.tracking.data_classes import TrackingBox
    except ImportError as error:
        return None, f'the devkit or motmetrics is not installed ({error.name})'
    config = config_factory('tracking_nips_2019')
    sides = [_as_devkit(columns, samples, TrackingBox) for columns in (gt, pred)]
    start = time.process_time()
    for name in TRACKING_CLASSES:
        TrackingEvaluation(
            *sides, name, config.dist_fcn_callable, config.dist_th_tp, config.min_recall,
            num_thresholds=config.num_thresholds, metric_worst=config.metric_worst, verbose=False,
            output_dir='', render_classes=None).accumulate()
    return (time.process_time() - start,
            f'the devkit took {DEVKIT_SCENES} scenes, its time here is {SCENES // DEVKIT_SCENES} '
            f'times that')


def _as_devkit(columns: TrackColumns, samples: Samples, box: Any) -> dict:
    tracks: dict = {}
    for row in range(len(samples.tokens)):
        of_scene = tracks.setdefault(str(samples.scenes[row]), defaultdict(list))
        of_scene[int(samples.times[row])] = []
    for row in range(len(columns)):
        sample = int(columns.sample[row])
        center = (*columns.center[row].tolist(), 0.0)
        tracks[str(samples.scenes[sample])][int(samples.times[sample])].append(box(
            sample_token=samples.tokens[sample], translation=center, size=(1.0, 1.0, 1.0),
            rotation=(1.0, 0.0, 0.0, 0.0), velocity=(0.0, 0.0), ego_translation=(0.0, 0.0, 0.0),
            num_pts=1, tracking_id=str(int(columns.track[row])),
            tracking_name=CLASSES[int(columns.label[row])],
            tracking_score=float(columns.score[row])))
    return tracks


def _shared() -> list[dict]:
    """HOTA and CLEAR MOT of as many frames of twenty objects each."""
    random = np.random.default_rng(0)
    frames = SCENES * FRAMES
    start = random.uniform(0, 60, (20, 2))
    gt, pred, similarity = [], [], []
    for frame in range(frames):
        places = start + 0.2 * (frame % FRAMES)
        seen = random.random(20) < 0.85
        boxes = places[seen] + random.normal(0, 0.4, (seen.sum(), 2))
        scene = 20 * (frame // FRAMES)
        gt.append((scene + np.arange(20)).tolist())
        pred.append((scene + np.flatnonzero(seen)).tolist())
        distance = np.linalg.norm(places[:, None] - boxes[None], axis=2)
        similarity.append(np.clip(1 - distance / 4, 0, 1))
    sequences = [IdentityFrames.of(*(part[at:at + FRAMES] for part in (gt, pred, similarity)))
                 for at in range(0, frames, FRAMES)]
    rows = []
    for name, score in (('HOTA', hota), ('CLEAR MOT', clear_mot)):
        begin = time.process_time()
        for sequence in sequences:
            score(sequence)
        seconds = time.process_time() - begin
        baseline, note = trackeval_seconds(name, sequences)
        rows.append(dict(name=f'{name}, {SCENES} scenes', value=seconds, unit='s of one core',
                         baseline=baseline,
                         ratio=None if baseline is None else baseline / seconds,
                         note=f'{frames:,} frames of 20 objects; {note}'))
    return rows


def trackeval_seconds(name: str, sequences: list[IdentityFrames]) -> tuple[float | None, str]:
    """Time of TrackEval on the same sequences, and what to say of it."""
    try:
        from trackeval.metrics import CLEAR, HOTA
    except ImportError:
        return None, 'TrackEval is not installed'
    metric = HOTA() if name == 'HOTA' else CLEAR(dict(PRINT_CONFIG=False))
    start = time.process_time()
    for frames in sequences:
        metric.eval_sequence(dict(
            gt_ids=list(frames.gt), tracker_ids=list(frames.pred),
            similarity_scores=list(frames.similarity), num_gt_ids=frames.num_gt,
            num_tracker_ids=frames.num_pred, num_timesteps=len(frames),
            num_gt_dets=sum(map(len, frames.gt)), num_tracker_dets=sum(map(len, frames.pred))))
    return time.process_time() - start, 'beside TrackEval'
