"""The tables of nuScenes, opened with every error explained; scenes and poses in them."""
from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np

from sparse3d.datasets.nuscenes.prepare.table_reader import TABLES, NuScenesTables
from sparse3d.datasets.nuscenes.splits import official_splits
from sparse3d.errors import DataError
from sparse3d.structures.quaternions import rotation_matrices

SPLITS = {'mini': ('mini_train', 'mini_val'), 'trainval': ('train', 'val'), 'test': ('test',)}
VERSIONS = ('v1.0-trainval', 'v1.0-mini', 'v1.0-test')
_SHORTEST, _LONGEST = 1e4, 1e8  # between samples [microseconds]
_FARTHEST = 1e7  # between a sample and its records [microseconds]


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


def open_tables(root: Path, version: str) -> NuScenesTables:
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
def _open(root: Path, version: str, states: tuple) -> NuScenesTables:
    try:
        return NuScenesTables(version, str(root))
    except Exception as error:  # damage can raise nearly everything
        raise DataError(_explain(root, version, error)) from error


def _explain(root: Path, version: str, error: Exception) -> str:
    for path in table_files(root, version):
        try:
            rows = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as reason:
            return f'{path} is damaged ({reason}); unpack it again'
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            return f'{path} is not a table: it holds no list of records; unpack it again'
    return (f'the tables in {root / version} do not belong together '
            f'({type(error).__name__}: {error}); unpack all of them again')


def scenes_of_splits(tables: NuScenesTables, val_scenes: Sequence[str] = (),
                     ) -> dict[str, list[dict]]:
    """Scenes of train, val or test that the tables hold, in the order of the table.

    Own scenes are in no split of the benchmark: of tables without any official scene, all are
    used, the last fifth (one at least, if there are two) for val.

    Args:
        val_scenes: names of the scenes of val; all others are train.

    Raises:
        DataError: for a name that is not in the tables.
    """
    kind = next(kind for kind in SPLITS if tables.version.endswith(kind))
    names = [scene['name'] for scene in tables.scene]
    for name in val_scenes:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            raise DataError(f'there is no scene {name!r} in {tables.table_root}'
                            + (f'; did you mean {near[0]!r}?' if near else ''))
    official = official_splits()
    splits = {split.removeprefix('mini_'): set(official[split]) for split in SPLITS[kind]}
    if val_scenes:
        splits = dict(train=set(names) - set(val_scenes), val=set(val_scenes))
    elif has_own_scenes(tables):
        count = max(1, len(names) // 5) if len(names) > 1 else 0
        later = set(names[len(names) - count:])
        splits = dict(test=set(names)) if kind == 'test' else dict(
            train=set(names) - later, val=later)
    return {split: [scene for scene in tables.scene if scene['name'] in chosen]
            for split, chosen in splits.items()}


def has_own_scenes(tables: NuScenesTables) -> bool:
    """Whether the tables hold scenes and none is one of nuScenes'."""
    official = set().union(*official_splits().values())
    return bool(tables.scene) and not any(scene['name'] in official for scene in tables.scene)


def refuse_other_units(tables: NuScenesTables, scene: dict) -> None:
    """Seconds or milliseconds in place of microseconds would spoil every age and velocity.

    Raises:
        DataError: naming the scene and the distance of its samples.
    """
    samples = samples_of(tables, scene)
    for sample in samples:
        for channel, token in sample['data'].items():
            record = tables.get('sample_data', token)
            if abs(record['timestamp'] - sample['timestamp']) > _FARTHEST:
                raise DataError(f'{channel} of a sample of {scene["name"]} in {tables.table_root} '
                                f'was recorded at {record["timestamp"]}, the sample at '
                                f'{sample["timestamp"]}; both tables need microseconds')
    times = [sample['timestamp'] for sample in samples]
    if len(times) < 2:
        return
    step = float(np.median(np.diff(times)))
    if not _SHORTEST <= step <= _LONGEST:
        raise DataError(f'the samples of {scene["name"]} in {tables.table_root} are {step:g} '
                        f'apart by their timestamps; the tables need microseconds, half a second '
                        f'is 500000')


def refuse_lost_samples(tables: NuScenesTables, scene: dict) -> None:
    """Samples of a scene that no other one leads to would be left out.

    Raises:
        DataError: naming the scene and both numbers.
    """
    linked, there = len(samples_of(tables, scene)), tables.samples_of_scene[scene['token']]
    if linked < there:
        raise DataError(f'{scene["name"]} in {tables.table_root} has {there} samples, and its '
                        f'first one leads to {linked} of them (next); mend the links of '
                        f'sample.json')


def samples_of(tables: NuScenesTables, scene: dict) -> list[dict]:
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
    matrix[:3, :3] = rotation_matrices(record['rotation'])
    matrix[:3, 3] = record['translation']
    return matrix


def sensor2global(tables: NuScenesTables, data: dict) -> np.ndarray:
    """Pose [4, 4] of the sensor of a sample_data record at its own time."""
    ego2global = matrix_of(tables.get('ego_pose', data['ego_pose_token']))
    return ego2global @ matrix_of(
        tables.get('calibrated_sensor', data['calibrated_sensor_token']))
