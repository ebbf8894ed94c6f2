"""Prepare a data set: raw files to info files and a ground-truth database."""
from __future__ import annotations

import argparse
import os
import sys

from sparse3d.plugins import data_sets, examples_of, load
from sparse3d_cli.own_parser import VerbParser, add_parsers

CROPS = ('sparse3d create-data crops kitti data/kitti          # objects to paste into images',)
CONFIG = ('sparse3d create-data config data/mine                # a config that fits them',)
RECORDING = (
    'sparse3d create-data recording drive.mcap data/mine --interval 0.5   # then custom',)
ANCHORS = (
    'sparse3d create-data anchors CONFIG --out data/mine/anchors.npy --count 900   # k-means',)
UPGRADE = (
    'sparse3d create-data upgrade data/nuscenes/nuscenes_infos_train.pkl   # mmdet3d 0.x, 1.0',
    'sparse3d create-data upgrade data/kitti/kitti_infos_train.pkl         # mmdet3d 0.x, 1.0')


def examples() -> list[str]:
    """Command lines for ``--help``; those of data sets stand in their contracts."""
    return [*examples_of('create-data'), *ANCHORS, *CONFIG, *CROPS, *RECORDING,
            *UPGRADE,
            'sparse3d check data/kitti                            # then']


def add_arguments(parser: VerbParser) -> None:
    commands = add_parsers(parser, 'command')
    for name, data_set in data_sets().items():
        if data_set.prepare is not None:
            command = commands.add_parser(name, help=data_set.summary,
                                          arguments=data_set.arguments,
                                          examples=examples_of(f'create-data {name}'))
            command.set_defaults(_run=_prepare, _prepare=data_set.prepare)
    _add_anchors(commands)
    _add_config(commands)
    _add_crops(commands)
    _add_recording(commands)
    _add_upgrade(commands)


def run(arguments: argparse.Namespace) -> int:
    return arguments._run(arguments)


def _prepare(arguments: argparse.Namespace) -> int:
    print(load(arguments._prepare)(arguments))
    return 0


def _add_anchors(commands: argparse._SubParsersAction) -> None:
    anchors = commands.add_parser(
        'anchors', examples=ANCHORS,
        help='where the queries of a detector start: k-means of the box centers of a data set')
    anchors.add_argument('config', help='whose training set and classes count')
    anchors.add_argument('--out', required=True, metavar='FILE.npy', help='where to write them')
    anchors.add_argument('--count', type=int, default=900,
                         help='number of anchors (default: %(default)s)')
    anchors.add_argument('--max-distance', type=float, default=55.0, metavar='METERS',
                         help='leave out boxes that are farther away (default: %(default)s)')
    anchors.add_argument('--seed', type=int, default=0, help='same seed, same anchors')
    anchors.add_argument('--split', choices=['train', 'val'], default='train',
                         help='of the config (default: %(default)s)')
    anchors.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                         help='override the config')
    anchors.set_defaults(_run=_anchors)


def _anchors(arguments: argparse.Namespace) -> int:
    from sparse3d.apis.anchors import make_anchors
    from sparse3d.engine.config_options import parse_options
    print(make_anchors(arguments.config, arguments.out, arguments.count, arguments.max_distance,
                       arguments.seed, arguments.split, parse_options(arguments.cfg_options)))
    return 0


def _add_config(commands: argparse._SubParsersAction) -> None:
    config = commands.add_parser(
        'config', examples=CONFIG, help='propose a config for a prepared data set of your own')
    config.add_argument('root', help='folder of the prepared data set')
    config.add_argument('--out', metavar='FILE.py', help='where to write it; default: in ROOT')
    config.add_argument('--overwrite', action='store_true', help='replace a file that is there')
    config.set_defaults(_run=_config)


def _config(arguments: argparse.Namespace) -> int:
    from sparse3d.apis.propose import propose_config
    print(propose_config(arguments.root, arguments.out, arguments.overwrite))
    return 0


def _add_crops(commands: argparse._SubParsersAction) -> None:
    crops = commands.add_parser(
        'crops', examples=CROPS,
        help='cut the database objects out of the images, for pasting them into others')
    crops.add_argument('dataset', choices=[name for name, data_set in data_sets().items()
                                           if data_set.crops])
    crops.add_argument('root', help='folder of the prepared data set')
    crops.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    crops.set_defaults(_run=_crops)


def _crops(arguments: argparse.Namespace) -> int:
    count = load(data_sets()[arguments.dataset].crops)(arguments.root, arguments.workers)
    print(f'{arguments.root}: {count["crops"]} crops of {count["objects"]} objects')
    return 0


def _add_recording(commands: argparse._SubParsersAction) -> None:
    recording = commands.add_parser(
        'recording', arguments='sparse3d.recordings.arguments:add_custom_arguments',
        examples=RECORDING, help='frames of a recorded drive (MCAP, ROS 2) as a custom data set')
    recording.set_defaults(_run=_recording)


def _recording(arguments: argparse.Namespace) -> int:
    report = load('sparse3d.recordings.arguments:create_custom')(arguments)
    print(report)
    for line in report.left_out:
        print(f'left out: {line}', file=sys.stderr)
    return 1 if report.left_out else 0


def _add_upgrade(commands: argparse._SubParsersAction) -> None:
    upgrade = commands.add_parser(
        'upgrade', examples=UPGRADE, help='convert an info file of mmdet3d 0.x or 1.0')
    upgrade.add_argument('file', help='the info file; it is kept with the ending .old')
    upgrade.add_argument('--out', help='write here instead and leave the file alone')
    upgrade.set_defaults(_run=_upgrade)


def _upgrade(arguments: argparse.Namespace) -> int:
    from sparse3d.apis.upgrade import upgrade_infos
    print(upgrade_infos(arguments.file, arguments.out))
    return 0
