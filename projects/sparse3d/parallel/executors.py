"""Where pieces of work run: processes here, a Dask cluster, Slurm through submitit."""
from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

KINDS = {'local': 'N', 'dask': 'ADDRESS', 'slurm': 'PARTITION'}


@dataclass(frozen=True)
class Cluster:
    """A cluster that takes pieces of work.

    Attributes:
        kind: ``'dask'`` or ``'slurm'``.
        where: address of the Dask scheduler (``tcp://host:8786``), or partition of Slurm.
    """

    kind: str
    where: str

    def __str__(self) -> str:
        return f'{self.kind}:{self.where}'


Workers = int | Cluster  # so many processes here, or a cluster


def parse_executor(text: str) -> Workers:
    """What ``--executor`` says: ``local:N``, ``dask:ADDRESS`` or ``slurm:PARTITION``.

    Raises:
        ValueError: one sentence, if it is none of them.
    """
    kind, _, where = text.partition(':')
    if kind not in KINDS or not where:
        raise ValueError(f'{text!r} is none of '
                         f'{", ".join(f"{name}:{what}" for name, what in KINDS.items())}')
    if kind != 'local':
        return Cluster(kind, where)
    if not where.isdecimal() or not int(where):
        raise ValueError(f'{text!r} names no number of processes; local:{os.cpu_count()} '
                         f'uses all cores')
    return int(where)


def add_executor(parser: argparse.ArgumentParser, workers: int | None = os.cpu_count()) -> None:
    """Add ``--workers``, ``--executor`` (both give ``workers``) and ``--retry-failed``.

    Args:
        workers: the default.
    """
    parser.add_argument('--workers', type=int, default=workers, help='processes on this machine')
    parser.add_argument('--executor', type=_executor, dest='workers', metavar='KIND:WHERE',
                        default=argparse.SUPPRESS,
                        help='local:N, dask:ADDRESS or slurm:PARTITION: where the pieces run')
    parser.add_argument('--retry-failed', action='store_true',
                        help='do what failed in the last run (.failed_pieces) once more')


def _executor(text: str) -> Workers:
    try:
        return parse_executor(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
