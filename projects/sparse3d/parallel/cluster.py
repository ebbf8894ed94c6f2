"""Pieces of work on a cluster: Dask by its executor, Slurm by submitit.

Both see the same files: the folder of the caller has to lie at the same path on every machine,
with the same Sparse3D. A piece whose worker died is given out again, and may so run twice; what it
writes has names of its own until it is whole (:mod:`sparse3d.atomic_files`).
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from sparse3d.errors import DataError
from sparse3d.parallel.dask_cluster import DaskPieces
from sparse3d.parallel.executors import Cluster
from sparse3d.parallel.pieces import LostPiece, Pieces, call_there
from sparse3d.parallel.slurm_cluster import SlurmPieces

TRIES = 3  # of a piece whose worker dies


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
        return DaskPieces(cluster.where, title)
    return SlurmPieces(cluster.where, title)


def _results(pieces: Pieces, function: Callable, left: dict[int, Any], max_chunk: int,
             name: Callable[[Any], str]) -> Iterator[tuple[int, Any]]:
    size = max(1, min(max_chunk, len(left) // (4 * pieces.size)), -(-len(left) // pieces.max_calls))
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
        size = max(1, -(-len(left) // pieces.max_calls))
