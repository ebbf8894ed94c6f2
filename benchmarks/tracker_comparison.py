"""The trackers beside each other: how many labeled identities survive noise, misses, false boxes.

    python -m sparse3d_benchmarks.tracker_comparison INFOS.pkl [INFOS.pkl ...]
    python -m sparse3d_benchmarks.tracker_comparison argoverse2/sensor/val/*

reads info files of any data set whose labels have identities (nuScenes, KITTI tracking, Waymo,
Argoverse 2, custom), or logs of Argoverse 2, of which annotations and poses are enough. It makes
detections of the labels and follows them with every tracker. What stands behind something nearer
has lower scores, larger errors and is missed more often. With ``--pictures`` the boxes in KITTI's
pictures are followed, without any depth but the pseudo-depth.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import sparse3d.register  # noqa: F401  (formats of tracks)
from sparse3d.atomic_files import check_place, make_folder, write_bytes_atomically
from sparse3d.datasets.argoverse2.categories import CLASSES
from sparse3d.datasets.argoverse2.poses import read_poses
from sparse3d.datasets.argoverse2.prepare.annotations import read_annotations
from sparse3d.engine.result_record import result_record
from sparse3d.errors import DataError
from sparse3d.metrics.clear_mot import ClearMot, clear_mot
from sparse3d.metrics.hota import combine_hota, hota
from sparse3d.metrics.identity_frames import IdentityFrames
from sparse3d.metrics.lasting_matches import MatchedFrame, match_scene
from sparse3d.metrics.track_scores import Pair, track_scores
from sparse3d.structures.box_geometry import bev_corners
from sparse3d.structures.detections import Detections
from sparse3d.structures.image_rectangles import rectangle_ious
from sparse3d.structures.track_files import (
    TrackFrame,
    labeled_tracks,
    scenes_in_order,
    track_format,
)
from sparse3d.structures.tracks import Tracks
from sparse3d.tracking import TRACKERS as ALL_TRACKERS
from sparse3d.tracking import make_tracker
from sparse3d.tracking.picture_tracker import PictureOptions, PictureTracker
from sparse3d.transforms.info_files import read_plain_file
from sparse3d.transforms.point_files import read_bytes

TRACKERS: Mapping[str, tuple[str, dict]] = {
    'greedy': ('greedy', {}), 'two_stage': ('two_stage', {}),
    'depth_cascade': ('depth_cascade', {}),
    'depth_cascade, 6 levels': ('depth_cascade', dict(levels=6, low_levels=6))}
PICTURE_LEVELS = (1, 3, 6)
HEAD = ('tracker', 'identities', 'survive', 'switches', 'HOTA', 'AssA', 'DetA', 'MOTA')
Scores = dict[str, list[tuple[float, ...]]]  # by tracker, for each seed the numbers of HEAD


@dataclass(frozen=True)
class Damage:
    """How labels become detections.

    Attributes:
        noise: standard deviation of a center, each axis, of what is near and free [m].
        misses: share of free objects that is missed; what is hidden is missed more often.
        false: boxes a frame that belong to nothing.
        interval: of so many frames one is kept.
    """

    noise: float = 0.2
    misses: float = 0.1
    false: float = 3.0
    interval: int = 1

    def __post_init__(self) -> None:
        limits = dict(noise=(0, 100), misses=(0, 1), false=(0, 10_000), interval=(1, 10_000))
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise DataError(f'{name} is {getattr(self, name)}; it has to lie between {low} and '
                                f'{high}')


def labeled_scenes(paths: Sequence[str], interval: int = 1
                   ) -> list[list[tuple[TrackFrame, Tracks]]]:
    """The frames of all drives with their labeled objects.

    Raises:
        DataError: for an info file without identities.
    """
    scenes = []
    for path in paths:
        if Path(path).is_dir():
            scenes.append(_log(Path(path))[::interval])
            continue
        content = read_plain_file(path)
        kind = track_format(str(content['metainfo'].get('dataset')))
        for scene in scenes_in_order(content['data_list'], kind, path):
            frames = []
            for frame in scene[::interval]:
                labels = kind.labels(frame.info)
                if labels is None:
                    raise DataError(f'{path} has no identities of its objects; make it again with '
                                    f'sparse3d create-data')
                frames.append((frame, replace(labels, timestamp=frame.seconds, name=frame.name)))
            scenes.append(frames)
    return scenes


def _log(folder: Path) -> list[tuple[TrackFrame, Tracks]]:
    """A log of Argoverse 2; every annotated moment is a frame, with a sweep or without."""
    poses = read_poses(folder)
    labels = read_annotations(folder / 'annotations.feather', poses)
    frames = []
    for time in np.unique(labels.times).tolist():
        rows = [row for row in labels.at(time).tolist() if labels.categories[row] in CLASSES]
        tracks = labeled_tracks(
            labels.boxes[rows].tolist(), [str(labels.categories[row]) for row in rows],
            [str(labels.tracks[row]) for row in rows], CLASSES)
        frame = TrackFrame(str(time), folder.name, time * 1e-9, poses.at([time])[0], {})
        frames.append((frame, replace(tracks, timestamp=frame.seconds, name=frame.name)))
    return frames


def hidden_shares(boxes: np.ndarray) -> np.ndarray:
    """Share (N,) of the width of each box, as the sensor sees it, that is behind nearer boxes."""
    if not len(boxes):
        return np.zeros(0)
    corners = bev_corners(boxes[:, :7])
    middle = np.arctan2(boxes[:, 1], boxes[:, 0])
    angles = np.arctan2(corners[..., 1], corners[..., 0]) - middle[:, None]
    angles = (angles + np.pi) % (2 * np.pi) - np.pi
    low, high = angles.min(axis=1), angles.max(axis=1)
    distance = np.linalg.norm(boxes[:, :2], axis=1)
    shares = np.zeros(len(boxes))
    for row in range(len(boxes)):
        offset = (middle - middle[row] + np.pi) % (2 * np.pi) - np.pi
        nearer = distance < distance[row] - 0.3
        samples = np.linspace(low[row], high[row], 33)
        behind = ((samples >= (offset + low)[nearer][:, None])
                  & (samples <= (offset + high)[nearer][:, None])).any(axis=0)
        shares[row] = behind.mean()
    return shares


def damaged(labels: Tracks, velocities: np.ndarray, damage: Damage,
            random: np.random.Generator) -> Detections:
    """Detections as a detector might give them for these labels.

    Args:
        velocities: (N, 2) true ones, LiDAR frame [m/s].
    """
    boxes = np.column_stack([labels.boxes_3d[:, :7], velocities])
    hidden, count = hidden_shares(boxes), len(boxes)
    distance = np.linalg.norm(boxes[:, :2], axis=1)
    spread = damage.noise * (1 + 2 * hidden + distance / 40)
    boxes[:, :2] += random.normal(0, 1, (count, 2)) * spread[:, None]
    boxes[:, 7:9] += random.normal(0, 0.5, (count, 2))
    scores = np.clip(0.85 - 0.7 * hidden + random.normal(0, 0.06, count), 0.02, 0.99)
    kept = random.random(count) >= np.minimum(damage.misses + 0.8 * hidden ** 2, 0.98)
    number = random.poisson(damage.false)
    like = random.integers(0, max(count, 1), number) if count else np.zeros(0, int)
    false = boxes[like]
    false[:, :2] += random.uniform(-15, 15, (len(like), 2))
    return Detections(
        np.concatenate([boxes[kept], false]),
        np.concatenate([scores[kept], random.uniform(0.1, 0.6, len(like))]),
        np.concatenate([labels.labels[kept], labels.labels[like]]), labels.class_names,
        name=labels.name)


def with_velocities(scene: Sequence[tuple[TrackFrame, Tracks]]) -> list[np.ndarray]:
    """True velocities (N, 2) of the objects of each frame, from the frames beside it."""
    places: list[dict[int, np.ndarray]] = []
    for frame, labels in scene:
        pose = np.eye(4) if frame.pose is None else frame.pose
        centers = labels.boxes_3d[:, :3] @ pose[:3, :3].T + pose[:3, 3]
        places.append(dict(zip(labels.ids.tolist(), centers, strict=True)))
    result = []
    for number, (frame, labels) in enumerate(scene):
        back = np.eye(3) if frame.pose is None else frame.pose[:3, :3].T
        rows = np.zeros((len(labels), 2))
        for row, one in enumerate(labels.ids.tolist()):
            around = [n for n in (number - 1, number, number + 1)
                      if 0 <= n < len(scene) and one in places[n]]
            seconds = scene[around[-1]][0].seconds - scene[around[0]][0].seconds
            if seconds > 0:
                speed = (places[around[-1]][one] - places[around[0]][one]) / seconds
                rows[row] = (back @ speed)[:2]
        result.append(rows)
    return result


def compare(scenes: Sequence[Sequence[tuple[TrackFrame, Tracks]]], damage: Damage,
            seeds: int) -> Scores:
    """Scores of each tracker on the same detections."""
    velocities = [with_velocities(scene) for scene in scenes]
    rows: Scores = {name: [] for name in TRACKERS}
    for seed in range(seeds):
        found = []
        for number, (scene, of) in enumerate(zip(scenes, velocities, strict=True)):
            random = np.random.default_rng((seed, number))
            found.append([damaged(labels, speed, damage, random)
                          for (_, labels), speed in zip(scene, of, strict=True)])
        for name, (kind, options) in TRACKERS.items():
            scores = track_scores([list(_followed(kind, options, scene, here))
                                   for scene, here in zip(scenes, found, strict=True)])
            rows[name].append((scores.identities, scores.survived, len(scores.switches),
                               scores.hota, scores.ass_a, scores.det_a, scores.mota))
    return rows


def _followed(kind: str, options: dict, scene: Sequence[tuple[TrackFrame, Tracks]],
              found: Sequence[Detections]) -> Iterator[Pair]:
    tracker = make_tracker(kind, options)
    for (frame, labels), here in zip(scene, found, strict=True):
        yield labels, tracker.update(here, frame.seconds, frame.pose)


def compare_pictures(paths: Sequence[str], damage: Damage, seeds: int) -> Scores:
    """The same of boxes in KITTI's pictures: matched by IoU, with levels of pseudo-depth."""
    drives = list(_picture_drives(paths, damage.interval))
    return {f'IoU, {levels} level{"s" if levels > 1 else ""}': [
        _score_pictures(drives, damage, seed, levels) for seed in range(seeds)]
        for levels in PICTURE_LEVELS}


def _picture_drives(paths: Sequence[str],
                    interval: int) -> Iterator[list[tuple[float, list[dict]]]]:
    for path in paths:
        content = read_plain_file(path)
        kind = track_format(str(content['metainfo'].get('dataset')))
        for scene in scenes_in_order(content['data_list'], kind, path):
            if 'sequence' not in scene[0].info:
                raise DataError(f'{path} has no boxes in pictures with identities; --pictures '
                                f'takes info files of KITTI tracking')
            yield [(frame.seconds, [item for item in frame.info['instances']
                                    if item['bbox_label_3d'] >= 0]) for frame in scene[::interval]]


def _score_pictures(drives: Sequence[Sequence[tuple[float, list[dict]]]], damage: Damage,
                    seed: int, levels: int) -> tuple[float, ...]:
    parts, clear, counts = [], ClearMot(), np.zeros(3, int)
    for number, drive in enumerate(drives):
        random = np.random.default_rng((seed, number))
        tracker = PictureTracker(PictureOptions(levels=levels))
        gt, pred, similarity = [], [], []
        for seconds, items in drive:
            boxes, scores, labels = _damaged_rectangles(items, damage, random)
            ids = tracker.update(boxes, scores, labels, seconds)
            there = np.array([item['bbox'] for item in items]).reshape(-1, 4)
            iou = rectangle_ious(there, boxes[ids >= 0])
            same = np.array([item['bbox_label_3d'] for item in items])[:, None] == labels[ids >= 0]
            gt.append([int(item['track_id']) for item in items])
            pred.append(ids[ids >= 0].tolist())
            similarity.append(np.where(same, iou, 0) if iou.size else iou)
        frames = IdentityFrames.of(gt, pred, similarity)
        parts.append(hota(frames))
        clear = clear + clear_mot(frames)
        counts += _survivors(gt, pred, similarity)
    table = combine_hota(parts).summary()
    return (*counts.tolist(), table['HOTA'], table['AssA'], table['DetA'],
            clear.summary()['MOTA'])


def _damaged_rectangles(items: Sequence[Mapping[str, Any]], damage: Damage,
                        random: np.random.Generator
                        ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes, scores and labels: what is hidden (KITTI's levels 0 to 3) is worse and rarer."""
    count = len(items)
    boxes = np.array([item['bbox'] for item in items], np.float64).reshape(-1, 4)
    hidden = np.array([item['occluded'] for item in items], np.float64) / 3
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1)
    boxes += random.normal(0, 1, (count, 4)) * (0.03 * height * (1 + 2 * hidden))[:, None]
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 2)
    scores = np.clip(0.85 - 0.6 * hidden + random.normal(0, 0.06, count), 0.02, 0.99)
    kept = random.random(count) >= np.minimum(damage.misses + 0.6 * hidden ** 2, 0.98)
    labels = np.array([item['bbox_label_3d'] for item in items], int)
    like = random.integers(0, max(count, 1), random.poisson(damage.false)) if count else \
        np.zeros(0, int)
    false = boxes[like] + random.uniform(-200, 200, (len(like), 1)) * np.array([1, 0, 1, 0])
    return (np.concatenate([boxes[kept], false]),
            np.concatenate([scores[kept], random.uniform(0.1, 0.6, len(like))]),
            np.concatenate([labels[kept], labels[like]]))


def _survivors(gt: list, pred: list, similarity: list) -> np.ndarray:
    """Identities, those that survive, and switches of a drive in pictures."""
    frames = [MatchedFrame(list(one), list(other), np.ones(len(other)),
                           np.where(np.asarray(value) > 0.5, 1 - np.asarray(value), np.inf)
                           .reshape(len(one), len(other)))
              for one, other, value in zip(gt, pred, similarity, strict=True)]
    there: dict[int, int] = {}
    found: dict[int, list[int]] = {}
    switches = 0
    for frame, matches in zip(frames, match_scene(frames, -np.inf), strict=True):
        for one in frame.gt:
            there[one] = there.get(one, 0) + 1
        for match in matches:
            found.setdefault(frame.gt[match.row], []).append(frame.pred[match.column])
            switches += match.switched
    long = {one: count for one, count in there.items() if count > 1}
    survived = sum(len(found.get(one, ())) >= 0.5 * count and len(set(found[one])) == 1
                   for one, count in long.items())
    return np.array([len(long), survived, switches])


def _rows(runs: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """A row of :data:`HEAD` for each tracker: means over the seeds, the first with their spread."""
    scores: Scores = {}
    for run in runs:
        scores.setdefault(run['name'], []).append(tuple(run['metrics'][key] for key in HEAD[1:]))
    return [_row(name, of) for name, of in scores.items()]


def _row(name: str, of: Sequence[tuple[float, ...]]) -> tuple[Any, ...]:
    mean, spread = np.mean(of, axis=0), np.std(of, axis=0)
    return (name, f'{mean[0]:.0f}', f'{mean[1]:.1f} ± {spread[1]:.1f}',
            f'{mean[2]:.1f} ± {spread[2]:.1f}', f'{mean[3]:.3f} ± {spread[3]:.3f}',
            *(f'{value:.3f}' for value in mean[4:]))


def as_runs(scores: Scores, command: str) -> dict[str, Any]:
    """What a file of results holds, for tables: a run for each tracker and seed."""
    record = result_record({})
    about = {key: record[key] for key in ('commit', 'device', 'torch', 'date')}
    return dict(data=command, runs=[
        dict(name=name, seed=seed, **about,
             metrics={key: float(value) for key, value in zip(HEAD[1:], values, strict=True)})
        for name, of in scores.items() for seed, values in enumerate(of)])


def trackers_of(path: Path, row: str) -> dict[str, Any]:
    """The same of a file of ``sparse3d compare`` whose tests followed detections with trackers
    (``NuScenesTrackingMetric``): what each tracker made of the detections of one row.

    Raises:
        DataError: if the file has no such row, or no trackers.
    """
    content = json.loads(read_bytes(path))
    runs = [run for run in content.get('runs', ()) if run['name'] == row]
    found = []
    for run in runs:
        by_tracker: dict[str, dict[str, float]] = {}
        for key, value in run['metrics'].items():
            _, *between, name = key.split('/')
            if len(between) == 1 and between[0] in ALL_TRACKERS:
                by_tracker.setdefault(between[0], {})[name] = value
        found += [dict({key: value for key, value in run.items() if key != 'metrics'},
                       name=name, metrics=metrics) for name, metrics in by_tracker.items()]
    if not found:
        names = ', '.join(sorted({run['name'] for run in content.get('runs', ())})) or 'none'
        raise DataError(f'{path} has no scores of trackers for {row!r}; its rows: {names}')
    order = list(ALL_TRACKERS)
    found.sort(key=lambda run: (order.index(run['name']), run['seed']))
    return dict(data=content.get('data', ''), runs=found)


def format_rows(rows: Sequence[Sequence[Any]]) -> str:
    """A table of Markdown."""
    lines = [HEAD, ['---'] * len(HEAD), *rows]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def main(given: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('infos', nargs='+', help='info files with identities; with --row a file '
                        'of sparse3d compare')
    parser.add_argument('--seeds', type=int, default=5, help='draws of the damage (%(default)s)')
    parser.add_argument('--noise', type=float, default=Damage.noise,
                        help='of centers, each axis, in meters (%(default)s)')
    parser.add_argument('--misses', type=float, default=Damage.misses,
                        help='share of free objects that is missed (%(default)s)')
    parser.add_argument('--false', type=float, default=Damage.false,
                        help='false boxes a frame (%(default)s)')
    parser.add_argument('--interval', type=int, default=1,
                        help='keep one of so many frames (%(default)s)')
    parser.add_argument('--pictures', action='store_true',
                        help='follow the boxes in pictures (KITTI tracking) instead')
    parser.add_argument('--row', help='trackers on the detections of this row of a comparison')
    parser.add_argument('--out', type=Path, metavar='FILE.json',
                        help='also a file of results, for tables')
    arguments = parser.parse_args(given)
    command = ' '.join(['python -m sparse3d_benchmarks.tracker_comparison',
                        *map(str, sys.argv[1:] if given is None else given)])
    try:
        if arguments.out is not None:
            check_place(arguments.out)
        if arguments.seeds < 1:
            raise DataError(f'seeds is {arguments.seeds}; one draw is needed at least')
        content = trackers_of(Path(arguments.infos[0]), arguments.row) if arguments.row else \
            as_runs(_compared(arguments), command)
    except DataError as error:
        parser.exit(2, f'error: {error}\n')
    if not arguments.row:
        print(format_rows(_rows(content['runs'])))
    if arguments.out is not None:
        make_folder(arguments.out.parent)
        write_bytes_atomically(arguments.out, (json.dumps(content, indent=1) + '\n').encode())


def _compared(arguments: argparse.Namespace) -> Scores:
    damage = Damage(arguments.noise, arguments.misses, arguments.false, arguments.interval)
    if arguments.pictures:
        return compare_pictures(arguments.infos, damage, arguments.seeds)
    return compare(labeled_scenes(arguments.infos, arguments.interval), damage, arguments.seeds)


if __name__ == '__main__':
    main()
