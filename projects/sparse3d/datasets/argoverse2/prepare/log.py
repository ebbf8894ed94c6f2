"""One log of Argoverse 2 as entries of an info file."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sparse3d.datasets.argoverse2.evaluate.map_rasters import MAP_FILES
from sparse3d.datasets.argoverse2.load_points import read_sweep
from sparse3d.datasets.argoverse2.poses import EgoPoses, read_poses
from sparse3d.datasets.argoverse2.prepare.annotations import Annotations, read_annotations
from sparse3d.datasets.argoverse2.prepare.cameras import LogCamera, read_cameras
from sparse3d.datasets.argoverse2.prepare.log_files import LogFolder, is_whole
from sparse3d.datasets.argoverse2.prepare.options import Argoverse2Preparation
from sparse3d.errors import DataError
from sparse3d.preparation.ground_truth_database import write_objects

DATABASE_FOLDER = 'argoverse2_gt_database'
NO_ANNOTATIONS = ('{path} does not exist: logs of train and val have labels; fetch it, put the log '
                  'into sensor/test/, or leave it out with --skip-damaged')


@dataclass
class PreparedLog:
    """What a log became.

    Attributes:
        entries: of the info file.
        objects: of the database.
        left_out: how many of what, for the report.
        damaged: sentences on files that were left out.
    """

    entries: list[dict] = field(default_factory=list)
    objects: list[dict] = field(default_factory=list)
    left_out: Counter = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)


def prepare_log(log: LogFolder, out: Path, options: Argoverse2Preparation) -> PreparedLog:
    """Entries of all frames of a log that have a sweep and a pose.

    Raises:
        DataError: for unusable files.
    """
    prepared, poses = PreparedLog(), read_poses(log.path)
    labels = None
    if log.split != 'test':
        if not log.annotations.is_file():
            raise DataError(NO_ANNOTATIONS.format(path=log.annotations))
        labels = read_annotations(log.annotations, poses)
        prepared.left_out['rows of the recording vehicle itself'] += labels.ego_rows
        prepared.left_out['labels that stood there twice'] += labels.repeated_rows
    sweeps = _usable_sweeps(log, poses, options, prepared)
    if labels is not None:
        _count_labels(labels, sweeps, prepared, log.annotations)
    cameras = read_cameras(log, poses) if options.cameras else []
    prepared.left_out['pictures without a pose'] += sum(
        camera.without_pose for camera in cameras)
    if options.cameras and not cameras:
        prepared.left_out['logs without pictures (their points serve)'] += 1
    if not list((log.path / 'map').glob(MAP_FILES)):
        prepared.left_out['logs without a map (they have no region of interest)'] += 1
    writer = _EntryWriter(log, out, options, poses, labels, cameras)
    times = list(sweeps)
    for row, time in enumerate(times):
        earlier = times[max(0, row - options.sweeps):row][::-1]
        entry = writer.entry(row, time, sweeps[time], {then: sweeps[then] for then in earlier})
        prepared.entries.append(entry)
        if options.database_interval and log.split == 'train' \
                and row % options.database_interval == 0:
            prepared.objects += writer.cut_objects(entry)
    return prepared


def _usable_sweeps(log: LogFolder, poses: EgoPoses, options: Argoverse2Preparation,
                   prepared: PreparedLog) -> dict[int, str]:
    found = log.sweeps()
    known = poses.has(np.array(list(found), np.int64))
    prepared.left_out['sweeps without a pose'] += int((~known).sum())
    usable = {}
    for (time, path), has_pose in zip(found.items(), known, strict=True):
        if not is_whole(log.root / path):
            sentence = f'{log.root / path} is cut short or no feather file; fetch it again'
            if not options.skip_damaged:
                raise DataError(sentence)
            prepared.damaged.append(sentence)
        elif has_pose:
            usable[time] = path
    if not usable:
        raise DataError(f'{log.path} has no sweep with a pose in sensors/lidar; fetch the log '
                        f'again, or leave it out with --skip-damaged')
    return usable


def _count_labels(labels: Annotations, sweeps: dict[int, str], prepared: PreparedLog,
                  path: Path) -> None:
    labeled = np.unique(labels.times)
    times = np.array(list(sweeps), np.int64)
    if len(labeled) and not np.isin(labeled, times).any():
        raise DataError(f'{path} has labels from {labeled[0]} to {labeled[-1]} ns and none at the '
                        f'time of a sweep, from {times.min()} to {times.max()} ns: they are of '
                        f'another log, or not in nanoseconds')
    prepared.left_out['labeled frames without a sweep'] += int((~np.isin(labeled, times)).sum())
    prepared.left_out['sweeps without a label (kept, as frames without objects)'] += int(
        (~np.isin(times, labeled)).sum())


@dataclass(frozen=True)
class _EntryWriter:
    log: LogFolder
    out: Path
    options: Argoverse2Preparation
    poses: EgoPoses
    labels: Annotations | None
    cameras: list[LogCamera]

    def entry(self, row: int, time: int, path: str, earlier: dict[int, str]) -> dict:
        """The entry of one frame, in the layout of mmdet3d 1.4."""
        entry = dict(
            token=f'{self.log.name}_{time}', log_id=self.log.name, frame_idx=row,
            log_path=self.log.inside, **self._moment(time),
            lidar_points=dict(lidar_path=path, num_pts_feats=4, lidar2ego=np.eye(4).tolist()),
            lidar_sweeps=[dict(self._moment(then), lidar_points=dict(lidar_path=name))
                          for then, name in earlier.items()])
        images = {camera.name: camera.near(time, self.poses) for camera in self.cameras}
        entry['images'] = {name: image for name, image in images.items() if image}
        if self.labels is not None:
            rows = self.labels.at(time)
            unknown = len(rows) and (self.labels.num_points[rows] < 0).any()
            counted = interior_points(read_sweep(self.log.root / path),
                                      self.labels.boxes[rows]) if unknown else None
            entry['instances'] = self.labels.instances(rows, counted)
        return entry

    def cut_objects(self, entry: dict) -> list[dict]:
        """Objects of a frame for the database."""
        items = [item for item in entry['instances'] if item['bbox_label_3d'] >= 0]
        points = read_sweep(self.log.root / entry['lidar_points']['lidar_path'])
        return write_objects(
            self.out, DATABASE_FOLDER, entry['token'], points,
            [item['category'] for item in items],
            np.array([item['bbox_3d'] for item in items]).reshape(-1, 7), [-1] * len(items))

    def _moment(self, time: int) -> dict:
        return dict(timestamp=time * 1e-9, timestamp_ns=time,
                    ego2global=self.poses.at([time])[0].tolist())


def interior_points(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) points in each LiDAR box (N, 7), borders included, as the data set counts them."""
    xyz = points[:, :3].astype(np.float64)
    counts = np.zeros(len(boxes), np.int64)
    for row, (x, y, z, length, width, height, yaw) in enumerate(boxes):
        local = xyz - (x, y, z + height / 2)
        along = local[:, 0] * np.cos(yaw) + local[:, 1] * np.sin(yaw)
        across = local[:, 1] * np.cos(yaw) - local[:, 0] * np.sin(yaw)
        counts[row] = ((np.abs(along) <= length / 2) & (np.abs(across) <= width / 2)
                       & (np.abs(local[:, 2]) <= height / 2)).sum()
    return counts
