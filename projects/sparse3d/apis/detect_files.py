"""Detection in point-cloud files, with results beside."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.apis.detector import load_detector
from sparse3d.apis.followed_files import FollowedFiles, Following
from sparse3d.atomic_files import check_place
from sparse3d.errors import DataError
from sparse3d.parallel.progress import Progress
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
    followed = None if following is None else FollowedFiles(files, following)
    files = files if followed is None else followed.files
    check_place(Path(out) / names[0])
    detector = load_detector(config, checkpoint, device, cfg_options, intensity_scale,
                             sensor_height)
    done, progress = DetectedFiles(), Progress('detection', len(files))
    for file in files:
        try:
            found = detector(file, score_threshold=score_threshold)
            found = found if followed is None else followed.tracked(file, found)
        except DataError as error:
            done.damaged[file] = error
        else:
            for suffix in formats:
                found.save(Path(out) / f'{file.stem}.{suffix}')
            done[file] = replace(found, points=None)
        progress.advance(file.name)
    if not done:
        raise next(iter(done.damaged.values()))
    return done


def _known(formats: Sequence[str]) -> list[str]:
    """Suffixes without a dot, refused before a model is built if one of them is not known."""
    names = [formats] if isinstance(formats, str) else list(formats)
    names = [name.removeprefix('.') for name in names]
    unknown = next((name for name in names if file_format(f'.{name}') is None), None)
    if unknown is not None or not names:
        raise DataError(f'{unknown or "no format"} is given; detections are saved as '
                        f'{", ".join(suffix.removeprefix(".") for suffix in suffixes())}')
    return names
