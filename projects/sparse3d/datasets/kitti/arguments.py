"""Arguments of ``create-data kitti``; light, so that help comes at once."""
from __future__ import annotations

import argparse
import os


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data kitti``."""
    parser.add_argument('root', help='folder with training/ and ImageSets/; the layout of the '
                        'tracking benchmark (training/image_02, label_02) is told by its folders')
    parser.add_argument('--out', help='where to write (default: root)')
    parser.add_argument('--splits', nargs='+', choices=['train', 'val', 'trainval', 'test'],
                        help='default: all that ImageSets has')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
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
    from sparse3d.datasets.kitti.prepare.sequences import (
        is_tracking_layout,
        prepare_kitti_tracking,
    )
    if is_tracking_layout(arguments.root):
        _refuse_object_options(arguments)
        return prepare_kitti_tracking(arguments.root, arguments.out, arguments.splits,
                                      arguments.workers, dict(arguments.types))
    return prepare_kitti(
        arguments.root, out=arguments.out, splits=arguments.splits, workers=arguments.workers,
        all_frames=arguments.all_frames, database=not arguments.no_database,
        skip_damaged=arguments.skip_damaged, types=dict(arguments.types))


def _refuse_object_options(arguments: argparse.Namespace) -> None:
    """What the preparation of the tracking layout has nothing of is not passed over."""
    from sparse3d.errors import ConfigError
    for name in ('all_frames', 'skip_damaged', 'no_database'):
        if getattr(arguments, name):
            raise ConfigError(f'--{name.replace("_", "-")} is of the object benchmark; '
                              f'{arguments.root} has the layout of the tracking benchmark, of '
                              f'which no object database is made: leave it out')


def _pair(text: str) -> tuple[str, str]:
    name, sign, type_ = text.partition('=')
    if not (name and sign and type_):
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=TYPE, Bus=Truck for instance')
    return name, type_
