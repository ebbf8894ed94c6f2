from __future__ import annotations

import os
import pickle
from collections import OrderedDict, defaultdict

import mmengine
import numpy as np
import pytest
from mmdet3d.datasets import NuScenesDataset
from mmengine.dataset import BaseDataset
from mmengine.fileio import io

import sparse3d  # noqa: F401  (repairs)
from sparse3d.errors import DataError
from sparse3d.stack.info_files import load_plain_pickle

INFOS = {
    'metainfo': {'version': 'v1.1', 'classes': ('car', 'bus'), 'sets': {1, 2}, 'raw': b'\x00\xff'},
    'data_list': [OrderedDict(pose=np.eye(4), count=np.int64(3), names=np.array(['a', 'bc']),
                              mixed=np.array([1, 'x', None], dtype=object), share=1.5,
                              box=np.zeros((0, 7), np.float32), at=defaultdict(list, a=[1]))]}


class Hostile:
    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return os.mkdir, (str(self.touched),)


def write(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
@pytest.mark.parametrize('reader', [mmengine.load, load_plain_pickle])
def test_plain_infos_come_back_as_they_were(tmp_path, protocol, reader):
    loaded = reader(write(tmp_path / 'infos.pkl', INFOS, protocol))
    np.testing.assert_equal(loaded, INFOS)
    assert loaded['data_list'][0]['pose'].dtype == np.float64


@pytest.mark.parametrize('reader', [
    mmengine.load, mmengine.fileio.load, load_plain_pickle,
    lambda path: BaseDataset(ann_file=str(path)),
    lambda path: NuScenesDataset(str(path.parent), ann_file=path.name)])
def test_a_hostile_file_is_refused_by_name_and_does_nothing(tmp_path, reader):
    path = write(tmp_path / 'hostile.pkl', {'data_list': Hostile(tmp_path / 'touched')})
    with pytest.raises(DataError, match=r'hostile.pkl is refused: it asks for posix.mkdir'):
        reader(path)
    assert not (tmp_path / 'touched').exists()


def test_upstream_runs_a_hostile_file(tmp_path):
    path = write(tmp_path / 'hostile.pkl', Hostile(tmp_path / 'touched'))
    pickle.loads(path.read_bytes())  # what mmengine's handler does
    assert (tmp_path / 'touched').exists()
    with pytest.raises(DataError):
        io.load(path)


@pytest.mark.parametrize('hostile', [
    b'cbuiltins\neval\n(V1\ntR.', b'cbuiltins\ngetattr\n.', b'c_codecs\nencode\n(Va\nVhex\ntR.',
    b'cnumpy\nload\n.', b'ctorch.storage\n_load_from_bytes\n.'])
def test_other_doors_are_closed(tmp_path, hostile):
    path = tmp_path / 'door.pkl'
    path.write_bytes(hostile)
    with pytest.raises(DataError, match='door.pkl is refused'):
        mmengine.load(path)


@pytest.mark.parametrize('content', [b'', b'\x80\x04\x95', b'not a pickle'])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / 'cut.pkl'
    path.write_bytes(content)
    with pytest.raises(DataError, match='cut.pkl is damaged'):
        mmengine.load(path)


def test_other_formats_are_left_alone(tmp_path):
    mmengine.dump({'a': [1, 2]}, tmp_path / 'a.json')
    assert mmengine.load(tmp_path / 'a.json') == {'a': [1, 2]}


def test_a_real_info_file_is_read(real_data_dir):
    infos = mmengine.load(next((real_data_dir / 'nuscenes_frame').glob('*.pkl')))
    assert len(infos['data_list']) == 1
