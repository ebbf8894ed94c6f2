"""Arguments of ``create-data kitti``; light, so that help comes at once."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data kitti``."""
    parser.add_argument('root', help='folder with training/ and ImageSets/')
    parser.add_argument('--out', help='where to write (default: root)')
    parser.add_argument('--splits', nargs='+', choices=['train', 'val', 'trainval', 'test'],
                        help='default: all that ImageSets has')
    add_executor(parser)
    parser.add_argument('--all-frames', action='store_true',
                        help='no ImageSets: every labeled frame for training and validation')
    parser.add_argument('--no-database', action='store_true',
                        help='no ground-truth database')
    parser.add_argument('--types', nargs='+', metavar='NAME=TYPE', type=_pair, default=[],
                        help="read types that KITTI does not know as one of its own, Bus=Truck; "
                             "'*=DontCare' stands for all others")
    parser.add_argument('--skip-damaged', action='store_true',
                        help='leave frames with unusable files out and name them at the end')


def prepare(arguments: argparse.Namespace) -> object:
    """What ``create-data kitti`` runs; returns a report to print."""
    from sparse3d.datasets.kitti.prepare.frames import prepare_kitti
    if arguments.retry_failed:
        say_retried(arguments.out or arguments.root)
    return prepare_kitti(
        arguments.root, out=arguments.out, splits=arguments.splits, workers=arguments.workers,
        all_frames=arguments.all_frames, database=not arguments.no_database,
        skip_damaged=arguments.skip_damaged, types=dict(arguments.types))


def _pair(text: str) -> tuple[str, str]:
    name, sign, type_ = text.partition('=')
    if not (name and sign and type_):
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=TYPE, Bus=Truck for instance')
    return name, type_
