"""Arguments of ``create-data argoverse2``; light, so that help comes at once."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried
from sparse3d.parallel.shard import add_shard
from sparse3d.preparation.parts import part_suffix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data argoverse2``."""
    parser.add_argument('root', help='folder with sensor/ (or train/, val/, test/)')
    parser.add_argument('--out', help='where to write (default: root)')
    parser.add_argument('--splits', nargs='+', choices=['train', 'val', 'test'],
                        help='default: all that are there')
    add_executor(parser)
    add_shard(parser)
    parser.add_argument('--sweeps', type=int, default=4, metavar='N',
                        help='earlier sweeps of a frame, at most (default: %(default)s)')
    parser.add_argument('--no-cameras', action='store_true', help='the pictures are not wanted')
    parser.add_argument('--database-interval', type=int, default=5, metavar='N',
                        help='objects of every N-th training frame go into the database; 0: none '
                             '(default: %(default)s)')
    parser.add_argument('--skip-damaged', action='store_true',
                        help='leave logs and sweeps with unusable files out and name them at the '
                             'end')


def prepare(arguments: argparse.Namespace) -> object:
    """What ``create-data argoverse2`` runs; returns a report to print."""
    from sparse3d.datasets.argoverse2.prepare.merging import merge_argoverse2
    from sparse3d.datasets.argoverse2.prepare.options import Argoverse2Preparation
    from sparse3d.datasets.argoverse2.prepare.preparation import prepare_argoverse2
    if arguments.merge:
        return merge_argoverse2(arguments.out or arguments.root)
    if arguments.retry_failed:
        say_retried(arguments.out or arguments.root, part_suffix(arguments.shard))
    options = Argoverse2Preparation(
        sweeps=arguments.sweeps, cameras=not arguments.no_cameras,
        database_interval=arguments.database_interval, skip_damaged=arguments.skip_damaged)
    return prepare_argoverse2(arguments.root, out=arguments.out, splits=arguments.splits,
                              workers=arguments.workers, options=options, shard=arguments.shard)
