"""Arguments of ``create-data kitti``; light, so that help comes at once."""
from __future__ import annotations

import argparse
import os


def add_kitti(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    kitti = commands.add_parser('kitti', help='KITTI object detection, official layout')
    kitti.add_argument('root', help='folder with training/ and ImageSets/')
    kitti.add_argument('--out', help='where to write (default: root)')
    kitti.add_argument('--splits', nargs='+', choices=['train', 'val', 'trainval', 'test'],
                       help='default: all that ImageSets has')
    kitti.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    kitti.add_argument('--all-frames', action='store_true',
                       help='no ImageSets: every labeled frame for training and validation')
    kitti.add_argument('--no-database', action='store_true',
                       help='no ground-truth database')
    kitti.add_argument('--skip-damaged', action='store_true',
                       help='leave frames with unusable files out and name them at the end')
    kitti.set_defaults(run=_kitti)


def _kitti(arguments: argparse.Namespace) -> int:
    from sparse3d.datasets.kitti.prepare.frames import prepare_kitti
    print(prepare_kitti(
        arguments.root, out=arguments.out, splits=arguments.splits, workers=arguments.workers,
        all_frames=arguments.all_frames, database=not arguments.no_database,
        skip_damaged=arguments.skip_damaged))
    return 0
