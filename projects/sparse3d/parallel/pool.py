"""Independent pieces of preparation spread over processes, in order, with progress."""
from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from sparse3d.atomic_files import UnwritableFile
from sparse3d.errors import DataError
from sparse3d.parallel.progress import Progress

Item = TypeVar('Item')
Result = TypeVar('Result')


def run_parallel(
        function: Callable[[Item], Result],
        items: Sequence[Item],
        workers: int,
        title: str,
) -> Iterator[Result | DataError]:
    """Call ``function`` on every item and yield the results in the order of the items.

    A :class:`DataError` of one item is yielded in place of its result, so that the
    caller decides; any other exception, a full disk among them, ends the run.

    Args:
        function: a module-level function (or ``partial`` of one); it must not use torch.
        items: what to call it on.
        workers: number of processes; 0 or 1 works in this process.
        title: the first words of the progress line.

    Raises:
        DataError: if a process was killed from outside, for instance for want of memory.
    """
    progress = Progress(title, len(items))
    attempt = partial(_result_or_error, function)
    if workers <= 1 or len(items) <= 1:
        for item in items:
            result = attempt(item)
            progress.advance()
            yield result
        return
    context = multiprocessing.get_context('fork' if os.name == 'posix' else 'spawn')
    chunk = max(1, min(16, len(items) // (4 * workers)))
    try:
        with ProcessPoolExecutor(min(workers, len(items)), context) as pool:
            for result in pool.map(attempt, items, chunksize=chunk):
                progress.advance()
                yield result
    except BrokenProcessPool as error:
        raise DataError(f'{title}: a worker process was killed, perhaps for want of memory; run '
                        f'the command again to continue, with fewer --workers') from error


def _result_or_error(function: Callable, item: object) -> object:
    try:
        return function(item)
    except UnwritableFile:  # no fault of the item: the next ones would fail as well
        raise
    except DataError as error:
        return error
