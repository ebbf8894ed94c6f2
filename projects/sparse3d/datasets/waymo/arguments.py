"""Arguments of ``create-data waymo``."""
from __future__ import annotations

import argparse
import os

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried
from sparse3d.parallel.shard import add_shard
from sparse3d.preparation.parts import part_suffix


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data waymo``."""
    parser.add_argument('root', help='folder with training/, validation/, testing/')
    parser.add_argument('--out', help='where to write (default: root/kitti_format)')
    parser.add_argument('--version', choices=['auto', 'v1', 'v2'], default='auto',
                        help='published format (default: the one that is there)')
    parser.add_argument('--splits', nargs='+', choices=['train', 'val', 'test', 'test_cam_only'],
                        help='default: all that root has')
    add_executor(parser)
    add_shard(parser)
    parser.add_argument('--keep-no-label-zones', action='store_true',
                        help='keep points in no-label zones (keypoint models use them)')
    parser.add_argument('--database-interval', type=int, default=5, metavar='N',
                        help='objects of every N-th training frame, and of all frames with '
                             'labeled joints, go into the database; 0: none (default: '
                             '%(default)s)')
    parser.add_argument('--skip-damaged', action='store_true',
                        help='leave segments with unusable files out and name them at the end')


def prepare(arguments: argparse.Namespace) -> object:
    """What ``create-data waymo`` runs; returns a report to print."""
    from sparse3d.datasets.waymo.prepare.merging import merge_waymo
    from sparse3d.datasets.waymo.prepare.preparation import prepare_waymo
    if arguments.merge:
        return merge_waymo(arguments.out or os.path.join(arguments.root, 'kitti_format'))
    if arguments.retry_failed:
        say_retried(arguments.out or os.path.join(arguments.root, 'kitti_format'),
                    part_suffix(arguments.shard))
    return prepare_waymo(
        arguments.root, out=arguments.out, version=arguments.version, splits=arguments.splits,
        workers=arguments.workers, shard=arguments.shard,
        keep_no_label_zones=arguments.keep_no_label_zones, skip_damaged=arguments.skip_damaged,
        database_interval=arguments.database_interval)
