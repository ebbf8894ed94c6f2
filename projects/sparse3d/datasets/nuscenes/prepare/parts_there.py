"""Which parts of nuScenes were downloaded, and sentences about files that are not there.

Camera-only and LiDAR-only downloads and key frames without sweeps are normal: a kind of files of
which nothing is there is not wanted. Single files that lack among others are faults.
"""
from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sparse3d.datasets.nuscenes.prepare.options import NuScenesPreparation
from sparse3d.datasets.nuscenes.prepare.table_reader import NuScenesTables
from sparse3d.errors import DataError

LIDAR = 'LIDAR_TOP'
OFFICIAL_CAMERAS = ('CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_FRONT_LEFT', 'CAM_BACK', 'CAM_BACK_LEFT',
                    'CAM_BACK_RIGHT')
MODALITIES = frozenset(('camera', 'lidar', 'radar'))
PICTURES = ('.jpg', '.jpeg', '.png')


def cameras_of(tables: NuScenesTables) -> tuple[str, ...]:
    """Channels of all cameras in the table ``sensor``: nuScenes' six first, then own ones.

    Raises:
        DataError: if the table is damaged, or its modality of a sensor is none or does not go
            with the sensor's files.
    """
    try:
        for row in tables.sensor:
            _refuse_odd_modality(row, tables)
        listed = [str(row['channel']) for row in tables.sensor if row['modality'] == 'camera']
    except (KeyError, TypeError) as error:
        raise DataError(f'the table sensor in {tables.table_root} is damaged '
                        f'({type(error).__name__}: {error}); unpack it again') from error
    own = dict.fromkeys(name for name in listed if name not in OFFICIAL_CAMERAS)
    return (*(name for name in OFFICIAL_CAMERAS if name in listed), *own)


def _refuse_odd_modality(sensor: Mapping[str, Any], tables: NuScenesTables) -> None:
    """A camera that is called something else would be passed over, and a LiDAR taken for one."""
    channel, modality = sensor['channel'], sensor['modality']
    file = next((str(row['filename']) for row in tables.sample_data if row['channel'] == channel),
                '')
    takes_pictures = Path(file).suffix.lower() in PICTURES if file else channel in OFFICIAL_CAMERAS
    if modality in MODALITIES and (modality == 'camera') == takes_pictures:
        return
    wanted = 'camera' if takes_pictures else ' or '.join(sorted(MODALITIES - {'camera'}))
    because = f'its files are like {file}' if file else 'it is a camera of nuScenes'
    raise DataError(f'the table sensor in {tables.table_root} gives {channel} the modality '
                    f'{modality!r}, but {because}: write {wanted} there')


def parts_that_are_there(root: Path, cameras: Sequence[str], options: NuScenesPreparation,
                         ) -> tuple[NuScenesPreparation, list[str]]:
    """The options without the kinds of files of which nothing is there, and what to say of it.

    Raises:
        DataError: if neither point clouds nor pictures of key frames are there.
    """
    notes = []
    wanted = {'lidar': options.lidar, 'cameras': options.cameras and bool(cameras)}
    there = {'lidar': wanted['lidar'] and _holds_files(root / 'samples' / LIDAR),
             'cameras': wanted['cameras'] and any(_holds_files(root / 'samples' / camera)
                                                  for camera in cameras)}
    if not any(there.values()):
        looked = [LIDAR] * wanted['lidar'] + list(cameras) * wanted['cameras']
        raise DataError(f'{root / "samples"} holds no file of {", ".join(looked) or "any sensor"}, '
                        f'the sensors that the tables list: there is nothing to prepare')
    if wanted['lidar'] and not there['lidar']:
        notes.append(f'samples/{LIDAR} is not there: prepared for camera models alone, without '
                     f'point clouds and ground-truth database')
    if wanted['cameras'] and not there['cameras']:
        notes.append(f'none of samples/{", ".join(cameras)} is there: prepared for LiDAR models '
                     f'alone')
    options = replace(options, **there, database=options.database and there['lidar'])
    sweeps = {'lidar_sweeps': [LIDAR] * options.lidar, 'camera_sweeps': cameras}
    for name, channels in sweeps.items():
        if getattr(options, name) and (name == 'lidar_sweeps' or options.cameras) and not any(
                _holds_files(root / 'sweeps' / channel) for channel in channels):
            if channels:
                notes.append(f'none of sweeps/{", ".join(channels)} is there: key frames alone, as '
                             f'with --{name.replace("_", "-")} 0')
            options = replace(options, **{name: 0})
    return options, notes


def absent_by_folder(root: Path, names: Iterable[str]) -> list[str]:
    """One sentence for each folder: how many files are absent, and the first three."""
    folders: dict[str, list[str]] = defaultdict(list)
    for name in dict.fromkeys(names):
        folders[Path(name).parent.as_posix()].append(Path(name).name)
    return [f'{len(files)} file(s) of {root / folder} do not exist: {", ".join(files[:3])}'
            f'{", ..." if len(files) > 3 else ""}'
            + ('; without sweeps: --lidar-sweeps 0 --camera-sweeps 0'
               if folder.startswith('sweeps') else '')
            for folder, files in folders.items()]


def _holds_files(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(not entry.name.startswith('.') for entry in entries)
    except OSError:
        return False
