"""Arguments of ``create-data nuscenes``."""
from __future__ import annotations

import argparse
import os

from sparse3d.parallel.shard import add_shard


def add_nuscenes(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    nuscenes = commands.add_parser('nuscenes', help='nuScenes v1.0-trainval, -mini or -test')
    nuscenes.add_argument('root', help='folder with samples/, sweeps/ and the tables')
    nuscenes.add_argument('--version', help='folder of the tables (default: the first of '
                                            'v1.0-trainval, v1.0-mini, v1.0-test there is)')
    nuscenes.add_argument('--out', help='where to write (default: root)')
    nuscenes.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    add_shard(nuscenes)
    nuscenes.add_argument('--lidar-sweeps', type=int, default=10, metavar='N',
                          help='earlier sweeps of a sample, at most (default: %(default)s)')
    nuscenes.add_argument('--camera-sweeps', type=int, default=5, metavar='N',
                          help='pictures of a camera between two key frames, at most '
                               '(default: %(default)s)')
    nuscenes.add_argument('--no-cameras', action='store_true',
                          help='the pictures are not there and not wanted')
    nuscenes.add_argument('--no-database', action='store_true', help='no ground-truth database')
    nuscenes.add_argument('--skip-damaged', action='store_true',
                          help='leave absent and damaged files out and name them at the end')
    nuscenes.set_defaults(run=_nuscenes)


def _nuscenes(arguments: argparse.Namespace) -> int:
    from sparse3d.datasets.nuscenes.prepare.frames import NuScenesPreparation, prepare_nuscenes
    from sparse3d.datasets.nuscenes.prepare.merging import merge_nuscenes
    if arguments.merge:
        print(merge_nuscenes(arguments.out or arguments.root))
        return 0
    options = NuScenesPreparation(
        lidar_sweeps=arguments.lidar_sweeps, camera_sweeps=arguments.camera_sweeps,
        cameras=not arguments.no_cameras, database=not arguments.no_database,
        skip_damaged=arguments.skip_damaged)
    print(prepare_nuscenes(arguments.root, arguments.version, arguments.out, arguments.workers,
                           options, arguments.shard))
    return 0
