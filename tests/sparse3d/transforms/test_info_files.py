import errno
import os
import pickle

import numpy as np
import pytest

from sparse3d.apis.upgrade import upgrades
from sparse3d.errors import DataError
from sparse3d.preparation.info_upgrade import upgrade_info_file
from sparse3d.transforms.data_paths import path_inside
from sparse3d.transforms.info_files import (
    FORMAT_VERSION,
    read_info_file,
    read_plain_file,
    write_info_file,
    write_plain_file,
)

METAINFO = dict(dataset='kitti', info_version='1.1', stamp=dict(format_version=FORMAT_VERSION))
FRAMES = [dict(sample_idx=3, box=np.arange(7, dtype=np.float32), name='x', none=None, plane=[1.5])]


class _Evil:
    def __reduce__(self):
        return os.system, ('touch /tmp/sparse3d_should_not_exist',)


def test_round_trip(tmp_path):
    write_info_file(tmp_path / 'infos.pkl', METAINFO, FRAMES)
    info = read_info_file(tmp_path / 'infos.pkl', 'kitti')
    np.testing.assert_equal(info, dict(metainfo=METAINFO, data_list=FRAMES))


def test_equal_content_is_equal_bytes_wherever_its_parts_come_from(tmp_path):
    shared, box = 'velodyne/000001.bin', [1.5, 2.0]
    one = dict(metainfo=dict(name=shared), data_list=[
        dict(path=shared, box=box, again=box, raw=b'ab', size=(2, 3), points=np.ones(2, '<f4')),
        dict(path=shared, box=box, raw=b'ab', size=(2, 3), points=np.ones(2, '<f4'))])
    other = dict(one, data_list=[pickle.loads(pickle.dumps(item)) for item in one['data_list']])
    assert pickle.dumps(one) != pickle.dumps(other)
    write_plain_file(tmp_path / 'one.pkl', one)
    write_plain_file(tmp_path / 'other.pkl', other)
    assert (tmp_path / 'one.pkl').read_bytes() == (tmp_path / 'other.pkl').read_bytes()
    read = read_plain_file(tmp_path / 'other.pkl')
    assert repr(read) == repr(one)


def test_ordinary_pickle_readers_can_read_it(tmp_path):
    import mmengine
    write_info_file(tmp_path / 'infos.pkl', METAINFO, FRAMES)
    np.testing.assert_equal(mmengine.load(tmp_path / 'infos.pkl')['data_list'], FRAMES)


@pytest.mark.parametrize('protocol', range(6))
def test_pickles_of_others_are_read(tmp_path, protocol):
    content = dict(metainfo=dict(dataset='kitti'), data_list=FRAMES, numbers=np.float64(1.5),
                   kind=np.dtype('i4'), some={1, 2}, raw=b'abc', flag=np.bool_(True))
    (tmp_path / 'infos.pkl').write_bytes(pickle.dumps(content, protocol=protocol))
    np.testing.assert_equal(read_plain_file(tmp_path / 'infos.pkl'), content)


def test_code_is_not_run(tmp_path):
    (tmp_path / 'infos.pkl').write_bytes(pickle.dumps(_Evil()))
    with pytest.raises(DataError, match='infos.pkl is refused: it asks for .*system'):
        read_info_file(tmp_path / 'infos.pkl', 'kitti')
    assert not os.path.exists('/tmp/sparse3d_should_not_exist')


@pytest.mark.parametrize('content, message', [
    ([dict(image={}, calib={}, annos={})], 'mmdet3d 0.x'),
    (dict(infos=[], metadata=dict(version='v1.0')), 'mmdet3d 0.x'),
    ([], 'not an info file'), (3, 'not an info file'), (dict(data_list=[]), 'not an info file'),
    (dict(metainfo=dict(dataset='nuscenes'), data_list=[]), "data set 'nuscenes', not 'kitti'"),
    (dict(metainfo=dict(dataset='kitti', stamp=dict(format_version=99)), data_list=[]),
     'has format 99'),
    (dict(metainfo=dict(dataset='kitti', stamp='x'), data_list=[]), "stamp 'x' names no format"),
    (dict(metainfo=dict(dataset='kitti', stamp=dict(format_version='2')), data_list=[]),
     'names no format')])
def test_other_files_are_told_apart(tmp_path, content, message):
    (tmp_path / 'infos.pkl').write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=message):
        read_info_file(tmp_path / 'infos.pkl', 'kitti')


def test_a_missing_file_comes_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataError, match=f'create-data kitti {tmp_path}"'):
        read_info_file(tmp_path / 'infos.pkl', 'kitti')


def test_metainfo_without_stamp_is_not_written(tmp_path):
    with pytest.raises(DataError, match='lacks dataset, stamp'):
        write_info_file(tmp_path / 'infos.pkl', {}, [])


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'infos.pkl'
    write_plain_file(path, 'old')

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(DataError, match='infos.pkl could not be written: No space left'):
        write_plain_file(path, 'new')
    assert read_plain_file(path) == 'old'
    assert os.listdir(tmp_path) == ['infos.pkl']


def test_fuzz_truncations(tmp_path):
    path = tmp_path / 'infos.pkl'
    write_info_file(path, METAINFO, FRAMES)
    whole = path.read_bytes()
    stop = whole.rindex(b'.\nsparse3d')  # the pickle ends here; what follows is the checksum
    for length in range(stop + 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError):
            read_info_file(path, 'kitti')


def test_fuzz_flipped_bits(tmp_path):
    path = tmp_path / 'infos.pkl'
    write_info_file(path, METAINFO, FRAMES)
    whole = path.read_bytes()
    trailer = whole.rindex(b'\nsparse3d')
    for bit in range(0, trailer * 8, 5):   # every byte, every bit of some
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(DataError, match='checksum'):
            read_info_file(path, 'kitti')


def test_fuzz_flipped_bits_of_a_pickle_without_checksum(tmp_path):
    whole = pickle.dumps(dict(metainfo=METAINFO, data_list=FRAMES), protocol=4)
    path = tmp_path / 'infos.pkl'
    bits, refused = range(0, len(whole) * 8, 3), 0
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            info = read_info_file(path, 'kitti')
        except DataError as error:
            assert 'infos.pkl' in str(error)
            refused += 1
        else:  # a flipped bit of a value: nothing can tell, but it is an info file of KITTI
            assert info['metainfo']['dataset'] == 'kitti' and isinstance(info['data_list'], list)
    assert len(bits) / 2 < refused < len(bits)


@pytest.mark.parametrize('name', [
    '../secret', '/etc/passwd', 'a/../../b', '..', '', '..\\x', 'a\0b'])
def test_names_that_leave_the_folder_are_refused(name):
    with pytest.raises(DataError, match='leaves the folder /data'):
        path_inside('/data', name)


def test_names_inside_the_folder():
    assert str(path_inside('/data', 'a/b.bin')) == '/data/a/b.bin'
    assert str(path_inside('', 'b.bin')) == 'b.bin'


@pytest.mark.parametrize(('first', 'command', 'others'), [
    (dict(point_cloud=dict(num_features=4, lidar_idx='000003'), calib={}), 'kitti', True),
    (dict(point_cloud=dict(num_features=4, lidar_idx='000003'), annos={}), 'custom', False),
    (dict(point_cloud=dict(num_features=5, lidar_sequence='segment', sample_idx=0), pose=[]),
     'waymo', False),
    (dict(lidar_path='samples/a.bin', ref_from_car=[], car_from_global=[], sweeps=[], token='a'),
     'nuscenes', False),
    (dict(uuid='log/315', point_cloud=dict(num_features=4, velodyne_path='training/a.bin'),
          calib={}, pose={}), 'argoverse2', False),
])
def test_files_of_openpcdet_are_told_the_command(tmp_path, first, command, others):
    """Whatever data set the config is of, and whether they are read or upgraded."""
    path = tmp_path / 'infos.pkl'
    path.write_bytes(pickle.dumps([first]))
    sentence = f'infos.pkl was written by OpenPCDet, .*"sparse3d create-data {command}"'
    for data_set in ('kitti', 'nuscenes', 'waymo', 'argoverse2', 'custom'):
        with pytest.raises(DataError, match=sentence):
            read_info_file(path, data_set)
    if not others:
        with pytest.raises(DataError, match=sentence):
            upgrade_info_file(path, upgrades())


@pytest.mark.parametrize('length', [2, 9, 16, 20, 23])
def test_a_file_cut_within_its_checksum_is_refused(tmp_path, length):
    path = tmp_path / 'infos.pkl'
    write_plain_file(path, [1, 2])
    path.write_bytes(path.read_bytes()[:-24 + length])
    with pytest.raises(DataError, match='infos.pkl is cut short within its checksum'):
        read_plain_file(path)


@pytest.mark.parametrize(('dataset', 'file', 'folder'), [
    ('kitti', 'data/mine/kitti_infos_val.pkl', 'data/mine'),
    ('waymo', 'data/mine/kitti_format/waymo_infos_val.pkl', 'data/mine'),
    ('waymo', 'data/mine/waymo_infos_val.pkl', 'data/mine'),
    ('waymo', 'waymo_infos_val.pkl', '.')])
def test_an_absent_file_is_answered_with_the_command_that_makes_it(tmp_path, monkeypatch, dataset,
                                                                   file, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf'"sparse3d create-data {dataset} {folder}", .*data_root'):
        read_info_file(file, dataset)
