"""The tables of nuScenes, opened with the nuscenes-devkit and every error explained."""
from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
from nuscenes import NuScenes
from nuscenes.utils.splits import create_splits_scenes
from pyquaternion import Quaternion

from sparse3d.errors import DataError

SPLITS = {'mini': ('mini_train', 'mini_val'), 'trainval': ('train', 'val'), 'test': ('test',)}
VERSIONS = ('v1.0-trainval', 'v1.0-mini', 'v1.0-test')
TABLES = ('category', 'attribute', 'visibility', 'instance', 'sensor', 'calibrated_sensor',
          'ego_pose', 'log', 'scene', 'sample', 'sample_data', 'sample_annotation', 'map')


def find_version(root: Path, version: str | None) -> str:
    """The version asked for, or the first of trainval, mini and test that is there.

    Raises:
        DataError: if there is none, or it is not one of the official names.
    """
    if version is None:
        present = [name for name in VERSIONS if (root / name).is_dir()]
        if not present:
            raise DataError(f'{root} is not a nuScenes data set: it has none of the folders '
                            f'{", ".join(VERSIONS)}')
        return present[0]
    if not version.endswith(tuple(SPLITS)):
        raise DataError(f'{version!r} is not a version of nuScenes; use one of '
                        f'{", ".join(VERSIONS)}')
    return version


def table_files(root: Path, version: str) -> list[Path]:
    """The files of all tables."""
    return [root / version / f'{table}.json' for table in TABLES]


def open_tables(root: Path, version: str) -> NuScenes:
    """The tables; opened once per process and again when a file has changed.

    Raises:
        DataError: naming the table that is missing or damaged.
    """
    states = []
    for path in table_files(root, version):
        if not path.is_file():
            raise DataError(f'{path} does not exist; {root} has to hold the tables of {version}')
        states.append((path.stat().st_size, path.stat().st_mtime_ns))
    return _open(root, version, tuple(states))


@lru_cache(maxsize=1)
def _open(root: Path, version: str, states: tuple) -> NuScenes:
    try:
        return NuScenes(version, str(root), verbose=False)
    except Exception as error:  # the devkit checks nothing: damage can raise nearly everything
        raise DataError(_explain(root, version, error)) from error


def _explain(root: Path, version: str, error: Exception) -> str:
    for path in table_files(root, version):
        try:
            rows = json.loads(path.read_bytes())
        except ValueError as reason:
            return f'{path} is damaged ({reason}); unpack it again'
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return f'{path} is not a table: it holds no list of records; unpack it again'
    return (f'the tables in {root / version} do not belong together '
            f'({type(error).__name__}: {error}); unpack all of them again')


def scenes_of_splits(tables: NuScenes) -> dict[str, list[dict]]:
    """Scenes of train, val or test that the tables hold, in the order of the table."""
    kind = next(kind for kind in SPLITS if tables.version.endswith(kind))
    official = create_splits_scenes()
    return {split.removeprefix('mini_'): [scene for scene in tables.scene
                                          if scene['name'] in official[split]]
            for split in SPLITS[kind]}


def samples_of(tables: NuScenes, scene: dict) -> list[dict]:
    """The samples of a scene in order of time."""
    samples, token = [], scene['first_sample_token']
    while token:
        samples.append(tables.get('sample', token))
        token = samples[-1]['next']
        if len(samples) > len(tables.sample):
            raise DataError(f'the samples of {scene["name"]} run in a circle; unpack the tables '
                            f'again')
    return samples


def matrix_of(record: dict) -> np.ndarray:
    """Pose [4, 4] of an ego_pose (to global) or calibrated_sensor record (to ego)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Quaternion(record['rotation']).rotation_matrix
    matrix[:3, 3] = record['translation']
    return matrix


def sensor2global(tables: NuScenes, data: dict) -> np.ndarray:
    """Pose [4, 4] of the sensor of a sample_data record at its own time."""
    ego2global = matrix_of(tables.get('ego_pose', data['ego_pose_token']))
    return ego2global @ matrix_of(
        tables.get('calibrated_sensor', data['calibrated_sensor_token']))
