"""Prepare a data set: raw files to info files and a ground-truth database.

Example:
    python tools/create_data.py kitti data/kitti --workers 4
    python tools/create_data.py kitti /read/only/kitti --out data/kitti --all-frames
    python tools/create_data.py waymo data/waymo --workers 4
    python tools/create_data.py waymo data/waymo --shard 1/8    # on the first of 8 machines
    python tools/create_data.py waymo data/waymo --merge        # when all are done
    python tools/create_data.py check data/kitti
"""
from __future__ import annotations

import argparse
import os
import sys

from sparse3d.errors import Sparse3DError
from sparse3d.prepare import check_kitti, prepare_kitti
from sparse3d.prepare.waymo import merge_waymo, prepare_waymo


def main() -> int:
    """Parse the arguments and run the chosen command; 1 if something is wrong."""
    arguments = _parser().parse_args()
    try:
        return arguments.run(arguments)
    except Sparse3DError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar='command')
    _add_kitti(commands)
    _add_waymo(commands)
    _add_check(commands)
    return parser


def _add_kitti(commands: argparse._SubParsersAction) -> None:
    kitti = commands.add_parser('kitti', help='KITTI object detection, official layout')
    kitti.add_argument('root', help='folder with training/ and ImageSets/')
    kitti.add_argument('--out', help='where to write (default: root)')
    kitti.add_argument('--splits', nargs='+', choices=['train', 'val', 'trainval', 'test'],
                       help='default: all that ImageSets has')
    kitti.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    kitti.add_argument('--all-frames', action='store_true',
                       help='no ImageSets: every labelled frame for training and validation')
    kitti.add_argument('--no-database', action='store_true',
                       help='no ground-truth database')
    kitti.add_argument('--skip-damaged', action='store_true',
                       help='leave frames with unusable files out and name them at the end')
    kitti.set_defaults(run=_kitti)


def _kitti(arguments: argparse.Namespace) -> int:
    report = prepare_kitti(
        arguments.root, out=arguments.out, splits=arguments.splits, workers=arguments.workers,
        all_frames=arguments.all_frames, database=not arguments.no_database,
        skip_damaged=arguments.skip_damaged)
    print(report)
    return 0


def _add_waymo(commands: argparse._SubParsersAction) -> None:
    waymo = commands.add_parser('waymo', help='Waymo Open Dataset, TFRecord (v1) or Parquet (v2)')
    waymo.add_argument('root', help='folder with training/, validation/, testing/')
    waymo.add_argument('--out', help='where to write (default: root/kitti_format)')
    waymo.add_argument('--version', choices=['auto', 'v1', 'v2'], default='auto',
                       help='published format (default: the one that is there)')
    waymo.add_argument('--splits', nargs='+', choices=['train', 'val', 'test', 'test_cam_only'],
                       help='default: all that root has')
    waymo.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    waymo.add_argument('--shard', type=_shard, default=(1, 1), metavar='I/N',
                       help='prepare part I of N, for instance on N machines')
    waymo.add_argument('--merge', action='store_true',
                       help='join the info files of all parts instead of preparing')
    waymo.add_argument('--keep-no-label-zones', action='store_true',
                       help='keep points in no-label zones (keypoint models use them)')
    waymo.add_argument('--skip-damaged', action='store_true',
                       help='leave segments with unusable files out and name them at the end')
    waymo.set_defaults(run=_waymo)


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition('/')
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f'{text!r} is not a part like 2/8')
    return int(part), int(parts)


def _waymo(arguments: argparse.Namespace) -> int:
    if arguments.merge:
        print(merge_waymo(arguments.out or os.path.join(arguments.root, 'kitti_format')))
        return 0
    print(prepare_waymo(
        arguments.root, out=arguments.out, version=arguments.version, splits=arguments.splits,
        workers=arguments.workers, shard=arguments.shard,
        keep_no_label_zones=arguments.keep_no_label_zones, skip_damaged=arguments.skip_damaged))
    return 0


def _add_check(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser('check', help='look for problems in a prepared data set')
    check.add_argument('root', help='data root with the info files')
    check.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    report = check_kitti(arguments.root)
    print(report)
    return 0 if report.ok else 1


if __name__ == '__main__':
    sys.exit(main())
