"""Simulate a drive, train a detector on it, evaluate on frames it never saw, draw.

What an earlier run finished is kept; `make clean` removes it.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / 'configs/focalsconv/focalsconv_centerpoint_simulated_kitti_car.py'


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  python tools/demo.py --frames 200 --out work_dirs/demo')
    parser.add_argument('--config', type=Path, default=CONFIG, help='default: %(default)s')
    parser.add_argument('--data-root', type=Path, default=ROOT / 'data/demo',
                        help='folder for the simulated drive (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=ROOT / 'work_dirs/demo',
                        help='folder for logs, checkpoints, pictures (default: %(default)s)')
    parser.add_argument('--frames', type=int, default=200, help='default: %(default)s')
    parser.add_argument('--pictures', type=int, default=3, help='default: %(default)s')
    parser.add_argument('--epochs', type=int, default=5, help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0, help='default: %(default)s')
    parser.add_argument('--workers', type=int, help='default: one for each core')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.demo import run_demo
    from sparse3d.engine.config_options import parse_options
    result = run_demo(arguments.config, arguments.data_root, arguments.out, arguments.frames,
                      arguments.pictures, arguments.seed, arguments.workers,
                      parse_options(arguments.cfg_options), arguments.epochs)
    print('\n' + result.summary())


if __name__ == '__main__':
    sys.exit(main())
