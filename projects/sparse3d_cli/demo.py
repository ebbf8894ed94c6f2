"""Simulate a drive, train a detector on it, evaluate on frames it never saw, draw.

What an earlier run finished is kept; it lies in data/demo and work_dirs/demo.
"""
from __future__ import annotations

import argparse
from pathlib import Path

CONFIG = 'focalsconv_centerpoint_simulated_kitti_car'
EXAMPLES = """\
  sparse3d demo --frames 200 --out work_dirs/demo
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--config', default=CONFIG, help='default: %(default)s')
    parser.add_argument('--data-root', type=Path, default=Path('data/demo'),
                        help='folder for the simulated drive (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/demo'),
                        help='folder for logs, checkpoints, pictures (default: %(default)s)')
    parser.add_argument('--frames', type=int, default=200, help='default: %(default)s')
    parser.add_argument('--pictures', type=int, default=3, help='default: %(default)s')
    parser.add_argument('--epochs', type=int, default=5, help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0,
                        help='of the training (default: %(default)s)')
    parser.add_argument('--drive-seed', type=int, default=0,
                        help='of the simulated drive, which the score depends on more than on the '
                        'training (default: %(default)s)')
    parser.add_argument('--workers', type=int, help='default: one for each core')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.demo import run_demo
    from sparse3d.engine.config_options import parse_options
    result = run_demo(arguments.config, arguments.data_root, arguments.out, arguments.frames,
                      arguments.pictures, arguments.seed, arguments.workers,
                      parse_options(arguments.cfg_options), arguments.epochs,
                      arguments.drive_seed)
    print('\n' + result.summary())
