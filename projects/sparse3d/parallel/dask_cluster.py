"""Pieces of work on a Dask cluster, through the executor of its client."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, as_completed
from typing import Any

from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.parallel.pieces import LostPiece, refuse_elsewhere
from sparse3d.version import __version__

PATIENCE = 30  # seconds in which the scheduler answers and the first worker is there


class DaskPieces:
    """See :class:`~sparse3d.parallel.pieces.Pieces`; to be used in ``with``.

    Dask gives a piece of a worker that died to another one by itself, three times.

    Args:
        address: of the scheduler, ``tcp://host:8786``.
        title: of the work, for messages.
        patience: seconds to wait for an answer.

    Raises:
        BackendUnavailable: if ``distributed`` is not installed.
        DataError: if nobody answers, there is no worker, or workers cannot do this work.
    """

    def __init__(self, address: str, title: str, patience: float = PATIENCE) -> None:
        try:
            from distributed import Client, KilledWorker
        except ImportError as error:
            raise BackendUnavailable(
                '--executor dask needs the package distributed, which is not installed: '
                "pip install 'sparse3d-perception[dask]'") from error
        self._lost = KilledWorker
        self._futures: dict[Future, int] = {}
        self.max_calls = 100_000  # its scheduler keeps a table of them
        try:
            self._client = Client(address, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            raise DataError(f'no Dask scheduler answers at {address} '
                            f'({_first_line(error)}); start one with "dask scheduler" '
                            f'and workers with "dask worker {address}"') from error
        try:
            self.size = self._look_at_workers(address, patience)
        except BaseException:
            self._client.close()
            raise
        self._executor = self._client.get_executor(pure=False)

    def _look_at_workers(self, address: str, patience: float) -> int:
        try:
            self._client.wait_for_workers(1, timeout=patience)
        except TimeoutError as error:
            raise DataError(f'the Dask cluster at {address} has no worker; start some with '
                            f'"dask worker {address}"') from error
        try:
            self._client.run(refuse_elsewhere, os.getcwd(), __version__)
        except ImportError as error:
            raise DataError(f'the workers of the Dask cluster at {address} cannot import sparse3d '
                            f'({error}); start them from the environment of this command'
                            ) from error
        return max(1, sum(self._client.nthreads().values()))

    def __enter__(self) -> DaskPieces:
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        for future in self._futures:
            future.cancel()
        self._executor.shutdown(wait=kind is None)
        self._client.close()

    def submit(self, calls: Mapping[int, Callable[[], Any]]) -> None:
        """Give out calls, by number."""
        self._futures = {self._executor.submit(call): number for number, call in calls.items()}

    def wait(self) -> Iterator[tuple[int, Any]]:
        """Numbers and results, as they come."""
        for future in as_completed(list(self._futures)):
            number = self._futures.pop(future)
            try:
                yield number, future.result()
            except self._lost as error:
                yield number, LostPiece(f'Dask worker {error.last_worker.address}')


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
