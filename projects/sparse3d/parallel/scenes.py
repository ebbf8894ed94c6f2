"""Jobs over several processes, with a progress line and the time left."""
from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TypeVar

from sparse3d.errors import DataError
from sparse3d.parallel.progress import Progress

Job = TypeVar('Job')
THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


def run_jobs(function: Callable[[Job], int], jobs: Sequence[Job], workers: int, *, total: int,
             done: int = 0, unit: str = 'frame', show_progress: bool = True) -> None:
    """Run ``function`` on every job; each returns how many units it finished.

    An exception of a job is raised here as soon as the jobs under way have ended.

    Args:
        workers: number of processes; 0 or 1 works in this one.
        total: units in all jobs together, for the progress line.
        done: units that were there before.

    Raises:
        DataError: if the system kills a worker.
    """
    progress = Progress(f'simulated {unit}s', total, done=done) if show_progress else None
    try:
        for units in _results(function, jobs, workers):
            if progress:
                progress.advance(pieces=units)
    finally:
        if progress:
            progress.close()


def _results(function: Callable[[Job], int], jobs: Sequence[Job], workers: int) -> Iterator[int]:
    """Results in the order in which jobs finish."""
    if workers <= 1 or len(jobs) <= 1:
        yield from map(function, jobs)
        return
    with _one_thread_each():
        pool = ProcessPoolExecutor(min(workers, len(jobs)), _context(function),
                                   _prepare_worker)
        try:
            for future in as_completed([pool.submit(function, job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool as error:
            raise DataError('a worker process was killed, perhaps for lack of memory; run again '
                            'with fewer workers to go on') from error
        finally:
            pool.shutdown(cancel_futures=True)


def _context(function: Callable) -> multiprocessing.context.BaseContext:
    """Fork from a clean server that imported the code once: threads here may not be forked."""
    if 'forkserver' not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    code = getattr(function, 'func', function)  # of a partial
    context.set_forkserver_preload([code.__module__])
    return context


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """New processes use one thread in numpy's libraries; several would fight for the cores."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, '1'))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _prepare_worker() -> None:
    """Ctrl-C is for the parent, which lets the jobs under way end; without it workers end too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)
