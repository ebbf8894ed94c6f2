"""Write the deployable part of a detector and compare it with PyTorch.

What that part is, and the format, is the plug-in's matter; its README says so. "list exporters"
names those that are installed.
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

EXAMPLES = """examples:
  python tools/export_onnx.py configs/dsvt/dsvt_pillar_waymo_1frame_24e.py CHECKPOINT
  python tools/export_onnx.py CONFIG CHECKPOINT --out dsvt.onnx --points a.bin b.bin
  python tools/export_onnx.py configs/sparsebev/sparsebev_r50_400q_nuscenes.py CHECKPOINT
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint; without it initial weights')
    parser.add_argument('--out', help="file to write (default: the config's name, .onnx)")
    parser.add_argument('--points', nargs='+', default=[], metavar='FILE.bin',
                        help='float32 clouds with the columns of the model; the first is traced, '
                             'all are compared (default: drawn sweeps)')
    parser.add_argument('--exporter', metavar='NAME',
                        help="which one, where the config's plug-in has several")
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.deploy.export import export
    from sparse3d.engine.config_options import parse_options
    out = arguments.out or Path(arguments.config).with_suffix('.onnx').name
    report = export(arguments.config, arguments.checkpoint, out, arguments.points,
                    parse_options(arguments.cfg_options), arguments.exporter)
    print('\n'.join(report.sentences()))
    print(f'{report.path.stat().st_size / 1e6:.1f} MB written to {report.path}')


if __name__ == '__main__':
    sys.exit(main())
