"""Truncations and flipped bits in the tables of nuScenes: an error, or samples that can be."""
from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest

from sparse3d.datasets.nuscenes.prepare.frames import NuScenesPreparation, _read_scene
from sparse3d.datasets.nuscenes.prepare.tables import (
    TABLES,
    find_version,
    open_tables,
    scenes_of_splits,
    table_files,
)
from sparse3d.errors import DataError

VERSIONS_OF_A_TABLE = 12
OPTIONS = NuScenesPreparation(lidar_sweeps=2, camera_sweeps=1)


@pytest.fixture
def tables_alone(simulated_nuscenes, tmp_path):
    """The tables may be damaged, the files behind them are links."""
    version = find_version(simulated_nuscenes, None)
    shutil.copytree(simulated_nuscenes / version, tmp_path / version)
    for folder in ('samples', 'sweeps', 'maps'):
        (tmp_path / folder).symlink_to(simulated_nuscenes / folder)
    return tmp_path, version


def damaged(content: bytes, seed: int):
    """Half of the copies are cut off, half have one bit flipped."""
    random = np.random.default_rng(seed)
    for number in range(VERSIONS_OF_A_TABLE):
        place = int(random.integers(len(content)))
        if number % 2:
            yield content[:place]
        else:
            flipped = bytearray(content)
            flipped[place] ^= 1 << int(random.integers(7))
            yield bytes(flipped)


def read_everything(root, version):
    tables = open_tables(root, version)
    return [info for scenes in scenes_of_splits(tables).values() for scene in scenes
            for info in _read_scene(tables, scene, OPTIONS)[0]]


def test_damaged_tables(tables_alone):
    """Text has no checksum: another digit goes unnoticed, but nothing hangs, crashes or is NaN
    where it was a number."""
    root, version = tables_alone
    whole, refused = read_everything(root, version), 0
    assert len(whole) > 2
    for seed, path in enumerate(table_files(root, version)):
        content = path.read_bytes()
        for copy in damaged(content, seed):
            path.write_bytes(copy)
            start = time.monotonic()
            try:
                infos = read_everything(root, version)
            except DataError as error:
                refused += 1
                assert version in str(error) or path.name in str(error), str(error)
            else:
                assert all(np.isfinite(item['bbox_3d']).all() for info in infos
                           for item in info['instances'])
            assert time.monotonic() - start < 20
        path.write_bytes(content)
    assert refused > 0.5 * VERSIONS_OF_A_TABLE * len(TABLES)


def test_sample_data_that_run_in_a_circle(tables_alone):
    """Their files are absent: without a look at the tokens, sweeps are sought for ever."""
    root, version = tables_alone
    path = root / version / 'sample_data.json'
    rows = json.loads(path.read_bytes())
    for row in rows:
        if 'LIDAR_TOP' in row['filename'] and not row['is_key_frame']:
            row['filename'] = 'sweeps/LIDAR_TOP/absent.pcd.bin'
            row['prev'] = row['token']
    path.write_text(json.dumps(rows))
    with pytest.raises(DataError, match='run in a circle'):
        read_everything(root, version)
