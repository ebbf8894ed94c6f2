from __future__ import annotations

import os
import pickle
from collections import OrderedDict

import mmengine
import numpy as np
import pytest
import yaml
from mmdet3d.datasets import NuScenesDataset
from mmengine.dataset import BaseDataset
from mmengine.fileio import io

import sparse3d.register  # noqa: F401  (repairs)
from sparse3d.errors import DataError

INFOS = {
    'metainfo': {'version': 'v1.1', 'classes': ('car', 'bus'), 'sets': {1, 2}, 'raw': b'\x00\xff'},
    'data_list': [OrderedDict(pose=np.eye(4), count=np.int64(3), names=np.array(['a', 'bc']),
                              share=1.5, box=np.zeros((0, 7), np.float32))]}


class Hostile:
    def __init__(self, touched):
        self.touched = touched

    def __reduce__(self):
        return os.mkdir, (str(self.touched),)


def write(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_plain_infos_come_back_as_they_were(tmp_path, protocol):
    loaded = mmengine.load(write(tmp_path / 'infos.pkl', INFOS, protocol))
    np.testing.assert_equal(loaded, INFOS)
    pose = loaded['data_list'][0]['pose']
    assert type(pose) is np.ndarray and pose.dtype == np.float64


@pytest.mark.parametrize('reader', [
    mmengine.load, mmengine.fileio.load,
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
    with pytest.raises(DataError, match='cut.pkl .*damaged'):
        mmengine.load(path)


def test_other_formats_are_left_alone(tmp_path):
    mmengine.dump({'a': [1, 2]}, tmp_path / 'a.json')
    assert mmengine.load(tmp_path / 'a.json') == {'a': [1, 2]}


@pytest.mark.parametrize('ending', ['yaml', 'yml'])
@pytest.mark.parametrize('text', [
    '!!python/object/apply:os.mkdir ["{touched}"]',
    'a: [1, {{b: !!python/object/apply:os.system ["touch {touched}"]}}]',
    'a: !!python/object/new:os.mkdir ["{touched}"]', 'a: !!python/name:os.system'])
def test_yaml_is_data(tmp_path, ending, text):
    path = tmp_path / f'infos.{ending}'
    path.write_text(text.format(touched=tmp_path / 'touched'))
    with pytest.raises(DataError, match=f'infos.{ending} is refused: it is no YAML of plain data'):
        mmengine.load(path)
    with pytest.raises(DataError, match='no YAML'):
        mmengine.load(path, Loader=yaml.UnsafeLoader)
    assert not (tmp_path / 'touched').exists()


def test_yaml_of_plain_data_comes_back(tmp_path):
    mmengine.dump({'a': [1, 2.5, 'x', None, True]}, tmp_path / 'a.yaml')
    assert mmengine.load(tmp_path / 'a.yaml') == {'a': [1, 2.5, 'x', None, True]}


def test_a_real_info_file_is_read(real_data_dir):
    infos = mmengine.load(next((real_data_dir / 'nuscenes_frame').glob('*.pkl')))
    assert len(infos['data_list']) == 1
