"""Truncations and flipped bits: a clear error or what the whole file gives, never a hang."""
import random
import shutil
import time

import pyarrow.parquet as pq
import pytest

from sparse3d.datasets.waymo.prepare.points import frame_points
from sparse3d.datasets.waymo.prepare.read_v1 import read_v1
from sparse3d.datasets.waymo.prepare.read_v2 import read_v2
from sparse3d.errors import DataError

SEGMENT = '1234567890123456789_1000_000_1020_000'
REAL_SEGMENT = '10023947602400723454_1120_000_1140_000'
SECONDS = 20


def damaged_versions(content, count):
    """Half of them cut off, half with one bit flipped, the ends of the file included."""
    rng = random.Random(0)
    for number in range(count):
        place = rng.choice([rng.randrange(len(content)), rng.randrange(min(64, len(content))),
                            -1 - rng.randrange(min(2000, len(content)))]) % len(content)
        if number % 2:
            yield content[:place]
        else:
            flipped = bytearray(content)
            flipped[place] ^= 1 << rng.randrange(8)
            yield bytes(flipped)


def test_record_files(record_file, tmp_path):
    whole = [frame.timestamp for frame in read_v1(record_file)]
    path = tmp_path / 'a.tfrecord'
    for content in damaged_versions(record_file.read_bytes(), 60):
        path.write_bytes(content)
        with pytest.raises(DataError, match='a.tfrecord'):
            assert [frame.timestamp for frame in read_v1(path)] != whole


@pytest.mark.parametrize('tag', [
    'lidar', 'lidar_pose', 'lidar_calibration', 'vehicle_pose', 'lidar_box', 'lidar_hkp',
    'camera_image', 'camera_hkp', 'camera_calibration', 'projected_lidar_box'])
def test_tables(tables, tmp_path, tag):
    """Tables without checksums inside, as published: no flipped bit may do worse than change
    numbers; nothing is missing."""
    path = _copy(tables, tmp_path, tag, SEGMENT)
    whole = _content(tmp_path, SEGMENT)
    _damage(path, 24, lambda: len(_content(tmp_path, SEGMENT)) == len(whole))


@pytest.mark.parametrize('tag', ['lidar', 'lidar_pose', 'vehicle_pose', 'lidar_box'])
def test_tables_with_checksums(tables, tmp_path, tag):
    """Where the writer stored page checksums, what is read at all is what was written."""
    path = _copy(tables, tmp_path, tag, SEGMENT)
    pq.write_table(pq.read_table(path), path, write_page_checksum=True)
    whole = _content(tmp_path, SEGMENT)
    _damage(path, 40, lambda: _content(tmp_path, SEGMENT) == whole)


@pytest.mark.parametrize('tag', ['camera_hkp', 'vehicle_pose'])
def test_real_tables(real_data_dir, tmp_path, tag):
    path = _copy(real_data_dir / 'waymo_v2', tmp_path, tag, REAL_SEGMENT)
    _damage(path, 8, lambda: len(_content(tmp_path, REAL_SEGMENT)) == 199)


def _copy(tables, folder, tag, segment):
    """Copy one component and what is needed to read it; returns the path of its file."""
    needed = {tag, 'vehicle_pose'}
    if tag in ('lidar', 'lidar_pose', 'lidar_calibration'):
        needed |= {'lidar', 'lidar_pose', 'lidar_calibration'}
    if tag == 'lidar_hkp':
        needed.add('lidar_box')
    for name in needed:
        (folder / name).mkdir()
        shutil.copyfile(tables / name / f'{segment}.parquet', folder / name / f'{segment}.parquet')
    return folder / tag / f'{segment}.parquet'


def _content(folder, segment):
    """Everything of every frame that the copied components hold."""
    return [(frame.timestamp, frame.ego2global.tobytes(), frame_points(frame).xyz.tobytes(),
             frame.objects.ids, frame.objects.boxes.tobytes())
            for frame in read_v2(folder, segment)]


def _damage(path, count, is_right):
    refused = 0
    for content in damaged_versions(path.read_bytes(), count):
        path.write_bytes(content)
        start = time.monotonic()
        try:
            assert is_right()
        except DataError as error:
            refused += 1
            assert path.stem in str(error)
        assert time.monotonic() - start < SECONDS
    assert refused >= count // 2   # every truncation
