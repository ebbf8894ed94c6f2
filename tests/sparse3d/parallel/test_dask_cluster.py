"""A real Dask cluster: workers that die cost a piece twice, never a file or a byte."""
from __future__ import annotations

import os
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from dask_clusters import dask_cluster
from slow_pieces import dies_at_two, write_slowly
from sparse3d.datasets.waymo.simulate import WaymoOptions, simulate_waymo
from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.parallel import dask_cluster as dask_cluster_module
from sparse3d.parallel.dask_cluster import DaskPieces
from sparse3d.parallel.executors import Cluster
from sparse3d.parallel.pool import run_parallel

pytest.importorskip('distributed', reason='the extra dask (distributed) is not installed')


@pytest.fixture(autouse=True)
def _on_the_path_of_workers(monkeypatch):
    """Workers import this source tree, and the pieces."""
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, sys.path)))


def test_without_a_scheduler_or_the_package_a_sentence_says_so(monkeypatch):
    with pytest.raises(DataError, match='no Dask scheduler answers at tcp://127.0.0.1:9'):
        DaskPieces('tcp://127.0.0.1:9', 'numbers', patience=1)
    monkeypatch.setitem(sys.modules, 'distributed', None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'sparse3d-perception\[dask\]'"):
        list(run_parallel(abs, [1, 2], Cluster('dask', 'tcp://127.0.0.1:9'), 'numbers'))


@pytest.mark.parametrize('address', ['nowhere', '127.0.0.1', 'tcp://127.0.0.1', 'tcp://:8786',
                                     'tcp://127.0.0.1:x', 'tcp://127.0.0.1:99999',
                                     'http://127.0.0.1:8786'])
def test_what_is_no_address_is_refused_at_once(address):
    """A client that failed on it timed out a minute later, with a traceback."""
    begun = time.monotonic()
    with pytest.raises(DataError, match=f"'{address}' is no address of a Dask scheduler"):
        DaskPieces(address, 'numbers')
    assert time.monotonic() - begun < 20


def test_an_address_that_needs_certificates():
    with pytest.raises(DataError, match='tls://127.0.0.1:8786 needs certificates'):
        DaskPieces('tls://127.0.0.1:8786', 'numbers')


@pytest.mark.slow
@pytest.mark.parametrize(('who', 'sentence'), [
    (slice(0, 1), 'the Dask scheduler at .* is gone'),
    (slice(1, 3), 'has had no worker for 3 s')])
def test_a_cluster_that_dies_in_mid_run_ends_it_with_a_sentence(tmp_path, monkeypatch, who,
                                                                sentence):
    """The scheduler, or all workers."""
    import dask
    out, home = tmp_path / 'out', tmp_path / 'home'
    out.mkdir(), home.mkdir()
    monkeypatch.setattr(dask_cluster_module, 'NO_WORKER', 3)
    monkeypatch.setattr(dask_cluster_module, '_ASK_EVERY', 1.0)
    with dask_cluster(home) as cluster, dask.config.set({'distributed.comm.timeouts.connect': 3}):
        monkeypatch.chdir(out)

        def kill():
            while not list(out.glob('begun-*')):
                time.sleep(0.02)
            for process in cluster.processes[who]:
                cluster.kill(process)

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(DataError, match=sentence):
            list(run_parallel(partial(write_slowly, Path('.')), range(40),
                              Cluster('dask', cluster.address), 'numbers'))
        killer.join()
    assert not list(out.glob('.*')), 'no file is half there'


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_costs_its_pieces_not_the_run(tmp_path, monkeypatch):
    out, home = tmp_path / 'out', tmp_path / 'home'
    out.mkdir(), home.mkdir()
    with dask_cluster(home) as cluster:
        monkeypatch.chdir(out)
        function = partial(write_slowly, Path('.'))  # a path of the caller
        results = []

        def kill_one():
            while len(list(out.glob('begun-*'))) < 2:
                time.sleep(0.02)
            cluster.kill(cluster.processes[1])

        killer = threading.Thread(target=kill_one)
        killer.start()
        for result in run_parallel(function, range(8), Cluster('dask', cluster.address), 'numbers'):
            results.append(result)
        killer.join()
        assert str(results.pop(3)) == 'three is damaged'
        assert results == [0, 1, 4, 16, 25, 36, 49]
        assert sorted(path.name for path in out.glob('[0-9.]*')) == [
            f'{number}.txt' for number in range(8) if number != 3]
        begun = [path.name.split('-')[1] for path in out.glob('begun-*')]
        assert len(begun) > len(set(begun)), 'a piece ran twice'

        # What kills every worker it meets fails by name; the others are done.
        stop = threading.Event()

        def revive():
            while not stop.wait(0.2):
                if all(worker.poll() is not None for worker in cluster.processes[2:]):
                    cluster.add_worker()

        reviver = threading.Thread(target=revive)
        reviver.start()
        try:
            from sparse3d.parallel import cluster as on_cluster
            monkeypatch.setattr(on_cluster, 'TRIES', 1)
            results = list(run_parallel(dies_at_two, range(4),
                                        Cluster('dask', cluster.address), 'numbers'))
        finally:
            stop.set()
            reviver.join()
        assert [result for result in results if isinstance(result, int)] == [0, 1, 3]
        assert '2: its worker died' in str(results[2])


@pytest.mark.slow
def test_drives_of_a_dask_cluster_are_those_of_one_process_bit_for_bit(tmp_path):
    options = WaymoOptions(seconds=.2, columns=60, image_width=32, val_fraction=.5)
    home = tmp_path / 'home'
    home.mkdir()
    simulate_waymo(tmp_path / 'one', 4, seed=3, options=options, show_progress=False)
    with dask_cluster(home) as cluster:
        killer = threading.Timer(1.0, cluster.kill, [cluster.processes[1]])
        killer.start()
        simulate_waymo(tmp_path / 'two', 4, seed=3, workers=Cluster('dask', cluster.address),
                       options=options, show_progress=False)
        killer.join()
    one, two = ({path.relative_to(folder).as_posix(): path.read_bytes()
                 for path in folder.rglob('*') if path.is_file()}
                for folder in (tmp_path / 'one', tmp_path / 'two'))
    assert len(one) > 4 and one == two
