"""Independent pieces of work spread over processes: one pool for whoever has many frames or scenes.

The processes are here, or on a cluster (:mod:`sparse3d.parallel.executors`). A worker that the
system kills costs its piece, not the run: what was not done is done again by half as many workers,
in the end by one; what kills that one as well has failed, and the others go on. Ctrl-C lets the
pieces under way end, so that their files are whole, and no other one begins; workers whose parent
is gone end too.
"""
from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from typing import TypeVar

from sparse3d.atomic_files import UnwritableFile
from sparse3d.errors import DataError
from sparse3d.parallel.cluster import on_cluster
from sparse3d.parallel.executors import Cluster, Workers
from sparse3d.parallel.failures import Failures, item_name
from sparse3d.parallel.progress import Activity, Progress

Item = TypeVar('Item')
Result = TypeVar('Result')
THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
_MAX_CHUNK = 16  # items that a worker gets at once
_PATIENCE = 10.0  # seconds for a broken pool to end its other workers


def run_parallel(
        function: Callable[[Item], Result],
        items: Sequence[Item],
        workers: Workers,
        title: str,
        clean: bool = False,
) -> Iterator[Result | DataError]:
    """Call ``function`` on every item and yield the results in the order of the items.

    A :class:`DataError` of one item is yielded in place of its result, so that the
    caller decides; any other exception, a full disk among them, ends the run.

    Args:
        function: a module-level function (or ``partial`` of one); without ``clean`` it must not
            use torch.
        items: what to call it on.
        workers: number of processes, 0 or 1 works in this process; or a cluster.
        title: the first words of the progress line.
        clean: start workers from clean processes, so that the function may use threads and torch.

    An item whose worker is killed from outside with no other beside it, for instance for want of
    memory, gives a :class:`DataError` that names it.
    """
    attempt = partial(_result_or_error, partial(_named_error, function))
    ready: dict[int, Result | DataError] = {}
    following = 0
    with _counted(title, len(items)) as progress:
        context = _clean(function) if clean else _forked()
        for place, result in _in_any_order(attempt, items, workers, title, context):
            progress.advance()
            ready[place] = result
            while following in ready:
                yield ready.pop(following)
                following += 1


def run_jobs(function: Callable[[Item], int], jobs: Sequence[Item], workers: Workers, *,
             title: str, total: int, done: int = 0, show_progress: bool = True,
             failures: Failures | None = None) -> None:
    """Call ``function`` on every job; each returns how many frames or samples it finished.

    A job that fails by a :class:`DataError` is noted and said, the others go on; any other
    exception, a full disk among them, ends the run as soon as the jobs under way have ended.

    Args:
        function: as for :func:`run_parallel`; workers start from clean processes, so it may use
            threads.
        jobs: what to call it on.
        workers: number of processes, 0 or 1 works in this process; or a cluster.
        title: the first words of the progress line.
        total: what all jobs together finish.
        done: what was finished before.
        failures: where jobs that failed are noted.

    Raises:
        DataError: at the end, if a job failed.
    """
    failures = Failures() if failures is None else failures
    attempt = partial(_result_or_error, partial(_named_error, function))
    with _counted(title, total, done) if show_progress else _uncounted() as progress:
        for place, finished in _in_any_order(attempt, jobs, workers, title, _clean(function),
                                             max_chunk=1):
            if isinstance(finished, DataError):
                failures.add(failures.name(jobs[place]), finished)
            elif progress:
                progress.advance(pieces=finished)
    failures.close(len(jobs))
    failures.refuse()


@contextmanager
def _counted(title: str, total: int, done: int = 0) -> Iterator[Progress]:
    progress = Progress(title, total, done=done)
    try:
        yield progress
    finally:
        progress.close()


@contextmanager
def _uncounted() -> Iterator[None]:
    yield None


def _in_any_order(
        function: Callable[[Item], Result],
        items: Sequence[Item],
        workers: Workers,
        title: str,
        context: multiprocessing.context.BaseContext,
        max_chunk: int = _MAX_CHUNK,
) -> Iterator[tuple[int, Result | DataError]]:
    """Place of an item and its result, as they become ready."""
    if isinstance(workers, Cluster):
        if items:
            yield from on_cluster(function, dict(enumerate(items)), workers, title, max_chunk,
                                  item_name)
        return
    if workers <= 1 or len(items) <= 1:
        for place, item in enumerate(items):
            yield place, function(item)
        return
    left = dict(enumerate(items))
    while left:
        workers = min(workers, len(left))
        try:
            for place, result in _by_workers(function, left, workers, context, max_chunk):
                del left[place]
                yield place, result
        except BrokenProcessPool:
            if workers == 1:  # which takes the items in order, one by one
                place = next(iter(left))
                yield place, DataError(
                    f'{title}: the worker process was killed while it worked on '
                    f'{item_name(left.pop(place))}, with no other beside it, perhaps for want of '
                    f'memory; run the command again to continue where there is more')
                continue
            workers //= 2
            max_chunk = 1
            print(f'{title}: a worker process was killed, perhaps for want of memory; going on '
                  f'with {workers}', file=sys.stderr, flush=True)


def _by_workers(function: Callable[[Item], Result], items: Mapping[int, Item], workers: int,
                context: multiprocessing.context.BaseContext, max_chunk: int,
                ) -> Iterator[tuple[int, Result]]:
    size = max(1, min(max_chunk, len(items) // (4 * workers)))
    places = list(items)
    chunks = [places[start:start + size] for start in range(0, len(places), size)]
    pool = ProcessPoolExecutor(workers, context, _prepare_worker)
    try:
        with _one_thread_each():
            waiting = {pool.submit(_call, function, [items[place] for place in chunk]): chunk
                       for chunk in chunks}
        yield from _results_of(waiting)
    except KeyboardInterrupt:
        with Activity('interrupted: the pieces under way end'):
            pool.shutdown(cancel_futures=True)
        raise
    except BrokenProcessPool:
        _leave_broken(pool)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_broken(pool: ProcessPoolExecutor, patience: float = _PATIENCE) -> None:
    """Wait until the other workers have ended, so that none writes beside its successor.

    Not for ever: seen once, Python waited for a worker that was gone. One that does not end when it
    is asked to is killed then.
    """
    manager, workers = pool._executor_manager_thread, list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    if manager is None:
        return
    manager.join(patience)
    for worker in workers if manager.is_alive() else ():
        worker.kill()


def _results_of(waiting: dict[Future, list[int]]) -> Iterator[tuple[int, Result]]:
    for future in as_completed(list(waiting)):
        yield from zip(waiting.pop(future), future.result(), strict=True)


def _call(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _result_or_error(function: Callable[[Item], Result], item: Item) -> Result | DataError:
    try:
        return function(item)
    except UnwritableFile:  # no fault of the item: the next ones would fail as well
        raise
    except DataError as error:
        return error


def _named_error(function: Callable[[Item], Result], item: Item) -> Result:
    """A mistake of the program says which item it was; a :class:`DataError` does so itself."""
    try:
        return function(item)
    except DataError:
        raise
    except Exception as error:
        if hasattr(error, 'add_note'):  # since Python 3.11
            error.add_note(f'while working on {item_name(item)}')
        raise


def _forked() -> multiprocessing.context.BaseContext:
    """Workers that need not import anything again."""
    return multiprocessing.get_context('fork' if os.name == 'posix' else 'spawn')


def _clean(function: Callable) -> multiprocessing.context.BaseContext:
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
