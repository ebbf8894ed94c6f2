"""The verbs with --executor and --retry-failed, as a user starts them."""
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from dask_clusters import dask_cluster
from sparse3d_cli import main

SMALL = ['--frames', '6', '--frames-per-drive', '2', '--azimuths', '200', '--image-scale', '0.1']


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file() and path.suffix != '.pkl'}


def infos(folder: Path) -> list:
    from sparse3d.transforms.info_files import read_info_file
    return [repr(read_info_file(path, 'kitti')['data_list'])
            for path in sorted(folder.glob('kitti_infos_*.pkl'))]


@pytest.mark.slow
def test_drives_and_info_files_are_the_same_and_what_failed_is_done_once_more(tmp_path, capfd):
    one, two = tmp_path / 'one', tmp_path / 'two'
    for folder, executor in ((one, 'local:1'), (two, 'local:2')):
        assert main(['simulate', 'kitti', str(folder), *SMALL, '--executor', executor]) == 0
    assert contents(one) == contents(two) and len(contents(one)) > 30

    assert main(['create-data', 'kitti', str(one), '--executor', 'local:1']) == 0
    clouds = [two / f'training/velodyne/{name}.bin' for name in ('000001', '000004')]
    whole = [path.read_bytes() for path in clouds]
    for path in clouds:
        path.write_bytes(b'cut')
    capfd.readouterr()
    assert main(['create-data', 'kitti', str(two), '--executor', 'local:2']) == 2
    errors = capfd.readouterr().err
    assert errors.count('failed: frame 00000') == 2 and '2 of 6 failed' in errors
    assert set(json.loads((two / '.failed_pieces').read_text())['failed']) == {'000001', '000004'}
    assert not list(two.glob('*.pkl'))

    for path, content in zip(clouds, whole, strict=True):
        path.write_bytes(content)
    assert main(['create-data', 'kitti', str(two), '--executor', 'local:2', '--retry-failed']) == 0
    assert '2 failed in the last run, done once more: 000001, 000004' in capfd.readouterr().err
    assert infos(one) == infos(two) and contents(one) == contents(two)
    assert main(['create-data', 'kitti', str(two), '--retry-failed']) == 2
    assert 'there is nothing to retry' in capfd.readouterr().err


@pytest.mark.slow
def test_detections_of_a_dask_cluster_are_those_of_one_process(tmp_path, monkeypatch, capfd):
    """One of three clouds is damaged, and done once more when it is whole."""
    import torch

    from sparse3d.apis import load_detector
    name, data, home = 'centerpoint_simulated_kitti_car', tmp_path / 'data', tmp_path / 'home'
    home.mkdir()
    assert main(['simulate', 'kitti', str(data), *SMALL, '--workers', '1']) == 0
    torch.save(dict(state_dict=load_detector(name, device='cpu').model.state_dict()),
               tmp_path / 'w.pth')
    clouds = sorted((data / 'training/velodyne').glob('*.bin'))[:3]
    command = ['detect', name, str(tmp_path / 'w.pth'), *map(str, clouds), '--device', 'cpu',
               '--score-threshold', '0']
    assert main([*command, '--out', str(tmp_path / 'one')]) == 0
    whole = clouds[1].read_bytes()
    clouds[1].write_bytes(whole[:-3])
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, sys.path)))
    with dask_cluster(home) as cluster:
        there = ['--out', str(tmp_path / 'two'), '--executor', f'dask:{cluster.address}']
        assert main([*command, *there]) == 1
        clouds[1].write_bytes(whole)
        assert main([*command, *there, '--retry-failed']) == 0
    assert '1 clouds' in capfd.readouterr().out
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two')
    assert len(contents(tmp_path / 'two')) == 3


@pytest.mark.slow
def test_scores_of_a_dask_cluster_are_those_of_one_process(tiny_config, tmp_path, monkeypatch):
    from sparse3d.apis import test, train
    home = tmp_path / 'home'
    home.mkdir()
    checkpoint = train(tiny_config, tmp_path / 'run').checkpoint
    alone = test(tiny_config, checkpoint, tmp_path / 'one')
    paths = [str(tiny_config.parent), *filter(None, sys.path)]
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(paths))
    with dask_cluster(home) as cluster:
        assert main(['test', str(tiny_config), str(checkpoint), '--work-dir', str(tmp_path / 'two'),
                     '--executor', f'dask:{cluster.address}', '--out',
                     str(tmp_path / 'scores.json')]) == 0
    assert json.loads((tmp_path / 'scores.json').read_text())['metrics'] == alone
