"""What a cluster is to the pieces of work: it takes calls and gives back results as they come."""
from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from sparse3d.errors import DataError
from sparse3d.version import __version__


class LostPiece(Exception):
    """A piece that came to no end: its worker or job is gone. Says where, and why if known."""


class Pieces(Protocol):
    """A cluster that is open: it takes calls and gives back results as they come."""

    size: int  # workers, as far as can be told: chunks are made for them
    max_calls: int  # at once

    def submit(self, calls: Mapping[int, Callable[[], Any]]) -> None:
        """Give out calls, by number."""

    def wait(self) -> Iterator[tuple[int, Any]]:
        """Numbers and results of what was given out; a result may be :class:`LostPiece`."""


def call_there(folder: str, function: Callable, items: Sequence[Any]) -> list[Any]:
    """What a worker of a cluster runs: the function on some items, in the folder of the caller.

    Raises:
        DataError: if the folder is not there.
    """
    refuse_elsewhere(folder, __version__)
    if os.getcwd() != folder:
        os.chdir(folder)  # paths of the caller may be relative
    return [function(item) for item in items]


def refuse_elsewhere(folder: str, version: str) -> str:
    """Refuse a machine without the folder of the caller, or with another release; names it.

    Raises:
        DataError: naming the machine.
    """
    host = socket.gethostname()
    if not os.path.isdir(folder):
        raise DataError(f'the machine {host} of the cluster has no folder {folder}; work in one '
                        f'that all machines see at the same path')
    if version != __version__:
        raise DataError(f'the machine {host} of the cluster has sparse3d {__version__}, this one '
                        f'{version}; install the same on both')
    return host
