"""Pieces of work on a cluster: Dask by its executor, Slurm by submitit.

Both see the same files: the folder of the caller has to lie at the same path on every machine,
with the same Sparse3D. A piece whose worker died is given out again, and may so run twice; what it
writes has names of its own until it is whole (:mod:`sparse3d.atomic_files`).
"""
from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Protocol

from sparse3d.errors import DataError
from sparse3d.parallel.executors import Cluster
from sparse3d.version import __version__

TRIES = 3  # of a piece whose worker dies


class LostPiece(Exception):
    """A piece that came to no end: its worker or job is gone. Says where, and why if known."""


class Pieces(Protocol):
    """A cluster that is open: it takes calls and gives back results as they come."""

    size: int  # workers, as far as can be told: chunks are made for them
    most: int  # calls at once

    def submit(self, calls: Mapping[int, Callable[[], Any]]) -> None:
        """Give out calls, by number."""

    def wait(self) -> Iterator[tuple[int, Any]]:
        """Numbers and results of what was given out; a result may be :class:`LostPiece`."""


def on_cluster(function: Callable, items: Mapping[int, Any], cluster: Cluster, title: str,
               max_chunk: int, name: Callable[[Any], str]) -> Iterator[tuple[int, Any]]:
    """Call ``function`` on items and yield their places with the results, as they come.

    The result of an item whose worker died :data:`TRIES` times is a :class:`DataError`.

    Raises:
        DataError: if the cluster does not answer, or does not see the folder or the version here.
        BackendUnavailable: if the package for the cluster is not installed.
    """
    with _opened(cluster, title) as pieces:
        yield from _results(pieces, function, dict(items), max_chunk, name)


def _opened(cluster: Cluster, title: str) -> AbstractContextManager[Pieces]:
    if cluster.kind == 'dask':
        from sparse3d.parallel.dask_cluster import DaskPieces
        return DaskPieces(cluster.where, title)
    from sparse3d.parallel.slurm_cluster import SlurmPieces
    return SlurmPieces(cluster.where, title)


def _results(pieces: Pieces, function: Callable, left: dict[int, Any], max_chunk: int,
             name: Callable[[Any], str]) -> Iterator[tuple[int, Any]]:
    size = max(1, min(max_chunk, len(left) // (4 * pieces.size)), -(-len(left) // pieces.most))
    lost: dict[int, int] = {}
    while left:
        places = list(left)
        chunks = dict(enumerate(places[start:start + size]
                                for start in range(0, len(places), size)))
        pieces.submit({number: partial(call_there, os.getcwd(), function,
                                       [left[place] for place in chunk])
                       for number, chunk in chunks.items()})
        for number, result in pieces.wait():
            if isinstance(result, LostPiece):
                for place in chunks[number]:
                    lost[place] = lost.get(place, 0) + 1
                    if lost[place] >= TRIES:
                        yield place, DataError(f'{name(left.pop(place))}: its worker died '
                                               f'{TRIES} times ({result})')
                continue
            for place, each in zip(chunks[number], result, strict=True):
                del left[place]
                yield place, each
        # What is left was in one chunk with what kills its worker, perhaps.
        size = max(1, -(-len(left) // pieces.most))


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
