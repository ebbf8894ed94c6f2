"""Files of a real object store and a web server on this machine, which are killed in mid-run."""
from __future__ import annotations

import importlib
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from object_store import BUCKET, refusing_server, s3_server, store, upload, web_server
from sparse3d.atomic_files import UnwritableFile, check_place, make_folder, write_bytes_atomically
from sparse3d.errors import BackendUnavailable, CheckpointError, DataError
from sparse3d.remote_files import CACHE, PATIENCE, local_copy, read_remote, remote_names
from sparse3d.transforms.cloud_files import clouds_in


@pytest.mark.parametrize('write', [
    lambda path: write_bytes_atomically(path, b''), make_folder, check_place])
def test_nothing_is_written_there(write):
    with pytest.raises(UnwritableFile, match='s3://bucket/x lies on a server, and servers are '
                                             'only read'):
        write(Path('s3://bucket/x'))


@pytest.mark.parametrize('package', ['s3fs', 'fsspec'])
def test_a_package_that_is_absent_is_named_with_its_extra(package, monkeypatch):
    importlib.import_module('fsspec')
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules['fsspec.registry']._registry, 's3', raising=False)
    with pytest.raises(BackendUnavailable, match=r's3://b/x needs a package that is not installed '
                                                 r".*pip install 'sparse3d-perception\[remote\]'"):
        read_remote('s3://b/x')


def test_a_scheme_that_nothing_reads():
    with pytest.raises(DataError, match='drive://x/y has a scheme that nothing reads, drive://'):
        read_remote('drive://x/y')


@pytest.mark.parametrize('seconds', ['soon', 'nan', 'inf', '-1'])
def test_a_patience_that_is_no_time(seconds, monkeypatch):
    monkeypatch.setenv(PATIENCE, seconds)
    with pytest.raises(DataError, match=f"{PATIENCE} is '{seconds}'; give seconds"):
        read_remote('http://127.0.0.1:9/x.bin')


def test_a_damaged_file_of_the_cache_is_fetched_again(tmp_path, monkeypatch):
    """A cloud that was cut between two points looks like a whole one."""
    pytest.importorskip('aiohttp', reason='the extra remote (aiohttp) is not installed')
    monkeypatch.setenv(CACHE, str(tmp_path))
    with refusing_server() as (url, asked):
        for _ in range(2):
            assert read_remote(f'{url}/here') == b'here'
        assert asked == ['/here']
        kept = next(path for path in tmp_path.rglob('*-here'))
        kept.write_bytes(b'he')
        with local_copy(f'{url}/here') as copy:
            assert copy == kept and copy.read_bytes() == b'here'
        assert asked == ['/here', '/here']


@pytest.mark.parametrize(('path', 'sentence'), [
    ('403', 'the server does not allow it'), ('410', 'the server refuses it'),
    ('loop', 'the server leads elsewhere'), ('elsewhere', 'the server leads elsewhere'),
    ('500', 'the server did not answer for 1 s'), ('silent', 'the server did not answer for 1 s')])
def test_what_a_web_server_refuses_is_not_asked_again(path, sentence, monkeypatch):
    """One that takes the question and says nothing is waited for as long as we are patient."""
    pytest.importorskip('aiohttp', reason='the extra remote (aiohttp) is not installed')
    monkeypatch.setenv(PATIENCE, '1')
    with refusing_server() as (url, asked):
        assert read_remote(f'{url}/moved') == b'here'
        asked.clear()
        begun = time.monotonic()
        with pytest.raises(DataError, match=sentence):
            read_remote(f'{url}/{path}')
        assert time.monotonic() - begun < 20
        assert asked.count('/403') < 2 and asked.count('/410') < 2


@pytest.mark.slow
def test_a_bucket_is_read_cached_and_its_faults_are_named(tmp_path, monkeypatch):
    (tmp_path / 'frames').mkdir()
    for number in range(3):
        (tmp_path / f'frames/{number}.bin').write_bytes(bytes([number]) * 16)
    with s3_server(monkeypatch) as server:
        root = upload(tmp_path / 'frames', 'frames')
        assert read_remote(f'{root}/1.bin') == bytes([1]) * 16
        assert remote_names(root) == {'0.bin', '1.bin', '2.bin'}
        assert remote_names(f's3://{BUCKET}/none') == set()
        with local_copy(f'{root}/2.bin') as copy:
            assert copy.read_bytes() == bytes([2]) * 16
        assert not copy.exists()
        with pytest.raises(DataError, match='frames/7.bin does not exist'):
            read_remote(f'{root}/7.bin')
        with pytest.raises(DataError, match='s3://none/x is not there, or has no point cloud'):
            clouds_in('s3://none/x')
        with pytest.raises(DataError, match='it names no file of a bucket'):
            read_remote(f's3://{BUCKET}')

        monkeypatch.setenv(CACHE, str(tmp_path / 'cache'))
        assert read_remote(f'{root}/1.bin') == bytes([1]) * 16
        server.kill()
        monkeypatch.setenv(PATIENCE, '3')
        assert read_remote(f'{root}/1.bin') == bytes([1]) * 16, 'from the cache'
        begun = time.monotonic()
        with pytest.raises(DataError, match='frames/0.bin cannot be read: the server did not '
                                            'answer for 3 s'):
            read_remote(f'{root}/0.bin')
        assert time.monotonic() - begun < 30
        with pytest.raises(CheckpointError, match='w.pth cannot be read: the server did not'):
            from sparse3d.checkpoints.open import read_any_checkpoint
            read_any_checkpoint(f'{root}/w.pth')


@pytest.mark.slow
def test_a_server_that_is_killed_and_comes_back_in_mid_run_costs_time_alone(tmp_path, monkeypatch):
    pytest.importorskip('aiohttp', reason='the extra remote (aiohttp) is not installed')
    monkeypatch.setenv(PATIENCE, '60')
    (tmp_path / 'frames').mkdir()
    for number in range(40):
        np.full((100, 4), number, '<f4').tofile(tmp_path / f'frames/{number}.bin')
    from sparse3d.transforms.cloud_files import read_cloud
    with web_server(tmp_path) as server:
        def kill_and_start():
            server.kill()
            time.sleep(1)
            server.start()

        means = []
        for number in range(40):
            if number == 20:
                restart = threading.Thread(target=kill_and_start)
                restart.start()
                while server.process is not None:
                    time.sleep(0.01)
            means.append(read_cloud(f'{server.url}/frames/{number}.bin').mean())
        restart.join()
    assert means == list(range(40))


@pytest.mark.slow
def test_a_data_set_in_a_bucket_gives_the_samples_and_scores_of_one_here(tmp_path, monkeypatch):
    """Info file, clouds and checkpoint by s3://, read by two processes of a data loader too."""
    import torch

    from sparse3d.apis import load_detector, test
    from sparse3d_cli import main
    here = tmp_path / 'kitti'
    assert main(['simulate', 'kitti', str(here), '--frames', '8', '--frames-per-drive', '2',
                 '--azimuths', '200', '--image-scale', '0.1', '--workers', '1']) == 0
    assert main(['create-data', 'kitti', str(here), '--workers', '1']) == 0
    name = 'centerpoint_simulated_kitti_car'
    weights = here / 'w.pth'
    torch.save(dict(state_dict=load_detector(name, device='cpu').model.state_dict()), weights)
    with s3_server(monkeypatch) as server:
        there = upload(here, 'kitti')
        assert store().isfile(f'{BUCKET}/kitti/kitti_infos_val.pkl')
        options = {'test_dataloader.num_workers': 0}
        found = [test(name, f'{root}/w.pth', tmp_path / 'run', {**data, **options})
                 for root, data in ((here, _of(here)), (there, _of(there)))]
        assert found[0] == found[1] and found[0]
        options = {'test_dataloader.num_workers': 2, 'test_dataloader.persistent_workers': False}
        assert test(name, f'{there}/w.pth', tmp_path / 'run', {**_of(there), **options}) == found[0]
        server.kill()
        monkeypatch.setenv(PATIENCE, '2')
        with pytest.raises((DataError, CheckpointError), match='the server did not answer'):
            test(name, weights, tmp_path / 'run', _of(there))


def _of(root) -> dict:
    return {'data_root': str(root)}
