"""Arguments of ``create-data nuscenes``."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried
from sparse3d.parallel.shard import add_shard
from sparse3d.preparation.parts import part_suffix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data nuscenes``."""
    parser.add_argument('root', help='folder with samples/, sweeps/ and the tables')
    parser.add_argument('--version', help='folder of the tables (default: the first of '
                                          'v1.0-trainval, v1.0-mini, v1.0-test there is)')
    parser.add_argument('--out', help='where to write (default: root)')
    add_executor(parser)
    add_shard(parser)
    parser.add_argument('--lidar-sweeps', type=int, default=10, metavar='N',
                        help='earlier sweeps of a sample, at most (default: %(default)s)')
    parser.add_argument('--camera-sweeps', type=int, default=5, metavar='N',
                        help='pictures of a camera between two key frames, at most '
                             '(default: %(default)s)')
    parser.add_argument('--no-cameras', action='store_true',
                        help='the pictures are not wanted')
    parser.add_argument('--no-lidar', action='store_true',
                        help='the point clouds are not wanted (camera models)')
    parser.add_argument('--val-scenes', nargs='+', default=(), metavar='NAME',
                        help='own scenes: these validate, all others train (default: the '
                             'splits of nuScenes; of own scenes the last fifth validates)')
    parser.add_argument('--no-database', action='store_true', help='no ground-truth database')
    parser.add_argument('--skip-damaged', action='store_true',
                        help='leave absent and damaged files out and name them at the end')


def prepare(arguments: argparse.Namespace) -> object:
    """What ``create-data nuscenes`` runs; returns a report to print."""
    from sparse3d.datasets.nuscenes.prepare.frames import NuScenesPreparation, prepare_nuscenes
    from sparse3d.datasets.nuscenes.prepare.merging import merge_nuscenes
    if arguments.merge:
        return merge_nuscenes(arguments.out or arguments.root)
    if arguments.retry_failed:
        say_retried(arguments.out or arguments.root, part_suffix(arguments.shard))
    options = NuScenesPreparation(
        lidar_sweeps=arguments.lidar_sweeps, camera_sweeps=arguments.camera_sweeps,
        cameras=not arguments.no_cameras, lidar=not arguments.no_lidar,
        val_scenes=tuple(arguments.val_scenes), database=not arguments.no_database,
        skip_damaged=arguments.skip_damaged)
    return prepare_nuscenes(arguments.root, arguments.version, arguments.out, arguments.workers,
                            options, arguments.shard)
