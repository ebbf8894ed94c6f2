"""Pieces of work on a Dask cluster, through the executor of its client."""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, as_completed
from concurrent.futures import TimeoutError as NotReady  # another one before Python 3.11
from contextlib import suppress
from typing import Any

from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.parallel.pieces import LostPiece, refuse_elsewhere
from sparse3d.version import __version__

PATIENCE = 30  # seconds in which the scheduler answers and the first worker is there
NO_WORKER = 120  # seconds without any worker that end a run; they may come back before
_ASK_EVERY = 5.0  # seconds between two questions for workers


class DaskPieces:
    """See :class:`~sparse3d.parallel.pieces.Pieces`; to be used in ``with``.

    Dask gives a piece of a worker that died to another one by itself, three times.

    Args:
        address: of the scheduler, ``tcp://host:8786``.
        title: of the work, for messages.
        patience: seconds to wait for an answer.

    Raises:
        BackendUnavailable: if ``distributed`` is not installed.
        DataError: if it is no address, nobody answers, there is no worker, or workers cannot do
            this work.
    """

    def __init__(self, address: str, title: str, patience: float = PATIENCE) -> None:
        try:
            from distributed import Client, KilledWorker
        except ImportError as error:
            raise BackendUnavailable(
                '--executor dask needs the package distributed, which is not installed: '
                "pip install 'sparse3d-perception[dask]'") from error
        _refuse_no_address(address)
        self.address, self._lost = address, KilledWorker
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
        with suppress(OSError):  # a scheduler that is gone takes no good-bye; so may time out
            for future in self._futures:
                future.cancel()
            self._executor.shutdown(wait=kind is None)
            self._client.close()

    def submit(self, calls: Mapping[int, Callable[[], Any]]) -> None:
        """Give out calls, by number."""
        self._futures = {self._executor.submit(call): number for number, call in calls.items()}

    def wait(self) -> Iterator[tuple[int, Any]]:
        """Numbers and results, as they come.

        Raises:
            DataError: if the scheduler is gone, or all workers are and none comes back.
        """
        seen = time.monotonic()
        while self._futures:
            for future in self._ready():
                number = self._futures.pop(future)
                yield number, self._outcome(future)
            seen = time.monotonic() if self._has_workers() else seen
            if time.monotonic() - seen > NO_WORKER:
                raise DataError(f'the Dask cluster at {self.address} has had no worker for '
                                f'{NO_WORKER} s; start some with "dask worker {self.address}" and '
                                f'run the command again to continue')

    def _ready(self) -> Iterator[Future]:
        """What comes before workers are to be counted again."""
        with suppress(NotReady):
            yield from as_completed(list(self._futures), _ASK_EVERY)

    def _outcome(self, future: Future) -> Any:
        try:
            return future.result()
        except self._lost as error:
            return LostPiece(f'Dask worker {error.last_worker.address}')
        except CancelledError as error:  # nobody else has these calls
            raise DataError(f'the Dask scheduler at {self.address} is gone, or was started anew; '
                            f'run the command again to continue when it is there') from error

    def _has_workers(self) -> bool:
        """Whether there is any. Where the scheduler does not answer, calls are cancelled soon."""
        try:
            return bool(self._client.nthreads())
        except OSError:
            return True


def _refuse_no_address(address: str) -> None:
    """A client that failed on it would wait a minute for itself at the end."""
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import get_backend
    from distributed.security import Security
    try:
        scheme, place = parse_address(address)
        get_backend(scheme)
        host, port = parse_host_port(place)
        if not host or not 0 < port < 65536:
            raise ValueError(f'port {port}')
    except ValueError as error:
        raise DataError(f'{address!r} is no address of a Dask scheduler; give the one that it says '
                        f'when it starts, tcp://HOST:8786') from error
    if scheme in ('tls', 'wss') and not Security().get_connection_args('client').get('ssl_context'):
        raise DataError(f'{address} needs certificates, and there are none; name them in the '
                        f'configuration of Dask (distributed.comm.tls)')


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
