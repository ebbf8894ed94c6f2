"""Samples as frames to draw."""
from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmdet3d.structures import Det3DDataSample

from sparse3d.apis.detect_files import detect_files
from sparse3d.apis.sample_frames import frame_of_sample
from sparse3d.engine.build_model import refuse_absent_device
from sparse3d.errors import BackendUnavailable, DataError


@pytest.mark.parametrize('path, name', [
    ('training/velodyne/000008.bin', '000008'), ('n015__LIDAR_TOP__15324.pcd.bin', 'n015__15324'),
    ('clouds/lot 7, north.npy', 'lot 7, north'), ('a.b.1.bin', 'a.b.1'),
    ('', '000002')])
def test_a_frame_is_called_as_its_files_are(path, name):
    dataset = SimpleNamespace(
        metainfo={}, get_data_info=lambda index: dict(lidar_path=path, sample_idx=index))
    sample = dict(inputs=dict(points=torch.zeros(3, 4)), data_samples=Det3DDataSample())
    assert frame_of_sample(dataset, 2, sample).name == name
    sample['data_samples'].set_metainfo(dict(evaluation_variant='raw'))
    assert frame_of_sample(dataset, 2, sample).name == f'{name}_raw'


@pytest.mark.parametrize('name', ['drive 7', '\u00e4 & b', '000007'])
def test_a_name_that_the_data_set_gives_comes_first(name):
    """Own frames are called anything; the file of the cloud may be called otherwise."""
    info = dict(lidar_path='points/000001.npy', frame_name=name)
    dataset = SimpleNamespace(metainfo={}, get_data_info=lambda index: info)
    sample = dict(inputs=dict(points=torch.zeros(3, 4)), data_samples=Det3DDataSample())
    assert frame_of_sample(dataset, 2, sample).name == name


@pytest.mark.parametrize('threshold', [30, float('nan')])
def test_a_threshold_in_percent(threshold, tmp_path):
    with pytest.raises(DataError, match='scores lie between 0 and 1'):
        detect_files('none', None, [], tmp_path, score_threshold=threshold)


@pytest.mark.parametrize('device', ['cuda:99', 'gpu', 'CPU '])
def test_a_device_that_is_not_there(device):
    with pytest.raises(BackendUnavailable, match='cpu'):
        refuse_absent_device(device)
    refuse_absent_device('cpu')
