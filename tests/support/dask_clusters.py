"""A real Dask cluster on this machine: a scheduler and worker processes, each of its own."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

STARTING = 60.0  # seconds


@dataclass
class DaskCluster:
    """Processes of a cluster.

    Attributes:
        address: of its scheduler.
        folder: where the workers stand and their logs lie.
        processes: the scheduler, then the workers.
    """

    address: str
    folder: Path
    processes: list[subprocess.Popen] = field(default_factory=list)

    def add_worker(self) -> subprocess.Popen:
        """Start a worker process without a nanny: what is killed stays dead."""
        worker = _start([self.address, '--no-nanny', '--nthreads', '1', '--no-dashboard',
                         '--local-directory', str(self.folder)], 'worker', self.folder)
        self.processes.append(worker)
        return worker

    def kill(self, process: subprocess.Popen) -> None:
        """Kill a process as the system would."""
        process.send_signal(signal.SIGKILL)
        process.wait()


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[DaskCluster]:
    """A cluster with so many workers; skips with its reason without the package."""
    pytest.importorskip('distributed', reason='the extra dask (distributed) is not installed')
    where = folder / 'scheduler.json'
    scheduler = _start(['--host', '127.0.0.1', '--port', '0', '--no-dashboard', '--scheduler-file',
                        str(where)], 'scheduler', folder)
    cluster = DaskCluster('', folder, [scheduler])
    try:
        cluster.address = _address(where)
        for _ in range(workers):
            cluster.add_worker()
        _wait_for_workers(cluster.address, workers)
        yield cluster
    finally:
        for process in reversed(cluster.processes):
            process.terminate()
        for process in cluster.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(arguments: list[str], what: str, folder: Path) -> subprocess.Popen:
    log = (folder / f'{what}-{len(list(folder.iterdir()))}.log').open('wb')
    return subprocess.Popen([sys.executable, '-m', 'distributed.cli.dask_' + what, *arguments],
                            stdout=log, stderr=subprocess.STDOUT, cwd=folder,
                            env={**os.environ, 'OMP_NUM_THREADS': '1'})


def _address(file: Path) -> str:
    import json
    begun = time.monotonic()
    while time.monotonic() - begun < STARTING:
        try:
            return json.loads(file.read_text())['address']
        except (OSError, ValueError):
            time.sleep(0.1)
    raise TimeoutError(f'the Dask scheduler wrote no {file}')


def _wait_for_workers(address: str, count: int) -> None:
    from distributed import Client
    with Client(address, timeout=STARTING, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=STARTING)
