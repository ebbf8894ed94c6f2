"""Detection in point-cloud files, with results beside."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.apis.detector import Detector, load_detector
from sparse3d.apis.followed_files import FollowedFiles, Following
from sparse3d.atomic_files import check_place
from sparse3d.errors import DataError
from sparse3d.parallel.executors import Workers
from sparse3d.parallel.failures import Failures, failed_before
from sparse3d.parallel.pool import run_parallel
from sparse3d.structures.detection_formats import file_format, suffixes
from sparse3d.structures.detections import Detections, refuse_odd_threshold
from sparse3d.transforms.cloud_files import clouds_in


class DetectedFiles(dict[Path, Detections]):
    """Detections by file, without their clouds: a folder may hold more than memory does.

    Attributes:
        damaged: what was wrong with each file that could not be read, by file.
    """

    def __init__(self) -> None:
        super().__init__()
        self.damaged: dict[Path, DataError] = {}


def detect_files(
        config: str | PathLike,
        checkpoint: str | PathLike | None,
        clouds: Sequence[str | PathLike],
        out: str | PathLike = 'detections',
        formats: Sequence[str] = ('json', ),
        score_threshold: float = 0.3,
        device: str | None = None,
        cfg_options: Mapping[str, Any] | None = None,
        intensity_scale: float = 1.0,
        sensor_height: float | None = None,
        following: Following | None = None,
        workers: Workers | None = None,
        retry_failed: bool = False,
) -> DetectedFiles:
    """Detect in each cloud and write ``<out>/<name of the cloud>.<format>``.

    A cloud that cannot be read does not end the run; it is listed in the result.

    Args:
        config, checkpoint, device, cfg_options, intensity_scale, sensor_height: see
            :func:`sparse3d.apis.load_detector`.
        clouds: files, or folders of files.
        out: folder for the results.
        formats: suffixes that :meth:`sparse3d.apis.Detections.save` knows.
        score_threshold: detections below are left out.
        following: track the detections over the files, in the order of time; results are tracks,
            with ids, where the format can hold them.
        workers: detect in so many processes, or on a cluster; None detects here.
        retry_failed: only in the clouds that failed in the last run that filled ``out``.

    Returns:
        The detections by file, and what was wrong with damaged files.

    Raises:
        ConfigError, CheckpointError, DataError: as the detector; and DataError for two
            clouds of one name, whose results would overwrite each other, an unknown format, if
            none of the clouds can be read, or if results cannot be written.
    """
    refuse_odd_threshold(score_threshold)
    formats = _known(formats)
    files = [file for path in clouds for file in clouds_in(path)]
    if not files:
        raise DataError('there is no cloud to detect in; give files or folders')
    names = [file.stem for file in files]
    twice = next((name for name in names if names.count(name) > 1), None) \
        if len(set(names)) < len(names) else None
    if twice is not None:
        raise DataError(f'two clouds are named {twice}; detect in them one after the other, '
                        f'with another --out')
    if following is not None and 'txt' in formats:
        raise DataError('a line of KITTI has no place for an id: with --track give the formats '
                        'json, csv or npz, or pictures')
    if following is not None and (workers is not None or retry_failed):
        raise DataError('--track follows all clouds one after the other, in one process; leave '
                        'out --executor, --workers and --retry-failed')
    followed = None if following is None else FollowedFiles(files, following)
    files = files if followed is None else followed.files
    check_place(Path(out) / names[0])
    if retry_failed:
        failed = failed_before(out)
        files = [file for file in files if file.name in failed]
        if not files:
            raise DataError(f'none of the clouds given failed in the last run; those that did are '
                            f'{", ".join(list(failed)[:3])}')
    task = DetectionTask(config, checkpoint, device, dict(cfg_options or {}),
                         intensity_scale, sensor_height, Path(out), tuple(formats),
                         score_threshold)
    _loaded.clear()
    if workers is None:
        task.detector()  # refuses before anything long starts
    done, failures = DetectedFiles(), Failures(out, 'cloud')
    results = run_parallel(partial(detect_file, task, followed=followed), files, workers or 0,
                           'detection', clean=True)
    for file, result in zip(files, results, strict=True):
        if isinstance(result, DataError):
            done.damaged[file] = result
            failures.reasons[file.name] = str(result)
        else:
            done[file] = result
    _loaded.clear()
    if not done:  # leaves no file behind
        raise next(iter(done.damaged.values()))
    failures.close(len(files))
    return done


@dataclass(frozen=True)
class DetectionTask:
    """What each process needs to detect in a cloud; see :func:`detect_files`."""

    config: str | PathLike
    checkpoint: str | PathLike | None
    device: str | None
    cfg_options: dict[str, Any]
    intensity_scale: float
    sensor_height: float | None
    out: Path
    formats: tuple[str, ...]
    score_threshold: float

    def detector(self) -> Detector:
        """The detector, loaded once in each process, anew where its files changed."""
        files = [Path(name) for name in (self.config, self.checkpoint)
                 if isinstance(name, str | PathLike)]
        wanted = self, [file.stat().st_mtime_ns for file in files if file.is_file()]
        if _loaded.get('task') != wanted:
            _loaded.update(task=wanted, detector=load_detector(
                self.config, self.checkpoint, self.device, self.cfg_options,
                self.intensity_scale, self.sensor_height))
        return _loaded['detector']


_loaded: dict[str, Any] = {}


def detect_file(task: DetectionTask, file: Path,
                followed: FollowedFiles | None = None) -> Detections:
    """Detect in one cloud and write its results; they come back without the cloud."""
    found = task.detector()(file, score_threshold=task.score_threshold)
    found = found if followed is None else followed.tracked(file, found)
    for suffix in task.formats:
        found.save(task.out / f'{file.stem}.{suffix}')
    return replace(found, points=None)


def _known(formats: Sequence[str]) -> list[str]:
    """Suffixes without a dot, refused before a model is built if one of them is not known."""
    names = [formats] if isinstance(formats, str) else list(formats)
    names = [name.removeprefix('.') for name in names]
    unknown = next((name for name in names if file_format(f'.{name}') is None), None)
    if unknown is not None or not names:
        raise DataError(f'{unknown or "no format"} is given; detections are saved as '
                        f'{", ".join(suffix.removeprefix(".") for suffix in suffixes())}')
    return names
