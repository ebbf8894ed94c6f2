"""Every reader of somebody else's files on damaged ones: the content, or one sentence.

A read is a crash, a hang, or takes memory beyond a bound (``tests/support/damage.py`` says which)
in no case. The slow tier reads 10,000 damaged files of all formats together, the everyday one 680;
``SPARSE3D_FUZZ`` sets another number for both:

    SPARSE3D_FUZZ=100000 python -m pytest tests/sparse3d/test_damaged_files.py
"""
from __future__ import annotations

import importlib.util
import os

import numpy as np
import pytest

from damage import damaged, read_damaged, truncations
from damaged_cases import cases
from sparse3d.errors import DataError, Sparse3DError
from sparse3d.transforms.cloud_files import read_cloud

FILES, SLOW_FILES = (int(os.environ.get('SPARSE3D_FUZZ', number)) for number in (680, 10_000))
FORMATS = (
    'ascii.pcd', 'binary.pcd', 'packed.pcd', 'ascii.ply', 'binary.ply', 'plain.npy', 'named.npy',
    'sweep.feather',
    'bare.bin', 'noted.bin', 'a.png', 'a.jpg', 'boxes.csv', 'boxes.json', 'calibration.json',
    '000001.txt', 'calib.txt', 'plane.txt', 'train.txt', 'a.tfrecord', 'frame.tfrecord',
    'vehicle_pose.parquet', 'lidar_calibration.parquet', 'zip.pth', 'old.pth', 'a.safetensors',
    'infos.pkl', 'protocol2.pkl', 'protocol4.pkl', 'results.json', 'results.bin',
    'detections.feather', '000002.txt',
    'detections.json', 'detections.npz', 'detections.csv')


@pytest.fixture(scope='module')
def by_name(tmp_path_factory):
    return {case.name: case for case in cases(tmp_path_factory.mktemp('whole'))}


def test_every_format_is_here(by_name):
    assert tuple(by_name) == FORMATS


@pytest.mark.parametrize('name', FORMATS)
def test_damaged_files_give_content_or_a_sentence(by_name, tmp_path, name):
    _read_damaged(by_name[name], tmp_path / name, FILES)


@pytest.mark.slow
@pytest.mark.parametrize('name', FORMATS)
def test_ten_thousand_damaged_files(by_name, tmp_path, name):
    _read_damaged(by_name[name], tmp_path / name, SLOW_FILES)


def _read_damaged(case, path, files):
    counts = read_damaged(case, path, -(-files // len(FORMATS)))
    assert sum(counts.values()) >= files // len(FORMATS)
    # Of texts without a count many damaged ones are other texts.
    assert counts['refused'] > 0 or case.name == 'train.txt'


@pytest.mark.parametrize('name', FORMATS)
def test_truncated_files_are_refused(by_name, tmp_path, name):
    case, path = by_name[name], tmp_path / name
    for size in truncations(len(case.content), 40 if len(case.content) > 4000 else 80):
        path.write_bytes(case.pack(case.content[:size]))
        try:
            case.read(path)
        except Sparse3DError as error:
            assert name in str(error) and '\n' not in str(error)
        else:
            assert case.whole_at(size), f'the first {size} bytes of {name} are taken for whole'


@pytest.mark.parametrize('name', FORMATS)
def test_headers_that_contradict_are_refused(by_name, tmp_path, name):
    case, path = by_name[name], tmp_path / name
    for content in case.contradictions:
        assert content != case.content
        path.write_bytes(content)
        with pytest.raises(Sparse3DError, match=name):
            case.read(path)


@pytest.mark.parametrize('files', [FILES, pytest.param(SLOW_FILES, marks=pytest.mark.slow)])
def test_las(tmp_path, files):
    if importlib.util.find_spec('laspy') is None:
        pytest.skip('laspy is an extra and is not installed (pip install .[las])')
    import laspy
    cloud = laspy.create(point_format=3, file_version='1.2')
    cloud.x, cloud.y, cloud.z = np.random.default_rng(0).uniform(0, 50, (3, 9))
    cloud.write(str(tmp_path / 'whole.las'))
    content, path = (tmp_path / 'whole.las').read_bytes(), tmp_path / 'a.las'
    for number in range(-(-files // len(FORMATS))):
        path.write_bytes(damaged(content, np.random.default_rng(number)))
        try:
            assert read_cloud(path).shape[1:] == (4, )
        except Sparse3DError as error:
            assert path.name in str(error)


@pytest.mark.parametrize('version, place', [('1.2', 100), ('1.4', 100), ('1.4', 243)])
def test_las_of_billions_of_records(tmp_path, version, place):
    """laspy would make an object for each."""
    if importlib.util.find_spec('laspy') is None:
        pytest.skip('laspy is an extra and is not installed (pip install .[las])')
    import laspy
    cloud = laspy.create(point_format=6 if version == '1.4' else 3, file_version=version)
    cloud.x, cloud.y, cloud.z = np.ones((3, 5))
    path = tmp_path / 'a.las'
    cloud.write(str(path))
    assert len(read_cloud(path)) == 5
    content = bytearray(path.read_bytes())
    content[place:place + 4] = b'\xff\xff\xff\xfe'
    path.write_bytes(content)
    with pytest.raises(DataError, match='a.las is damaged.* records'):
        read_cloud(path)
