"""Write the deployable part of a DSVT detector as ONNX and compare it with PyTorch.

Voxel features and the partition into sets are inputs of the file; everything behind them
is in it, as standard operators with dynamic numbers of voxels and sets.
"""
from __future__ import annotations

import argparse
import sys

EXAMPLES = """examples:
  python tools/export_onnx.py configs/dsvt/dsvt_pillar_waymo_1frame_24e.py CHECKPOINT
  python tools/export_onnx.py CONFIG CHECKPOINT --out dsvt.onnx --points a.bin b.bin
"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint; without it initial weights')
    parser.add_argument('--out', default='dsvt.onnx', help='file to write (default: %(default)s)')
    parser.add_argument('--points', nargs='+', default=[], metavar='FILE.bin',
                        help='float32 clouds with the columns of the model; the first is traced, '
                             'all are compared (default: two drawn sweeps)')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    from dsvt.onnx_export import export_onnx
    from sparse3d.apis.config_options import parse_options
    report = export_onnx(arguments.config, arguments.checkpoint, arguments.out, arguments.points,
                         parse_options(arguments.cfg_options))
    size = report.path.stat().st_size / 1e6
    print(f'{report.path}: {size:.1f} MB, operators {", ".join(report.operators)}')
    for voxels, difference in report.differences.items():
        print(f'{voxels:,} voxels: ONNX Runtime and PyTorch differ by {difference:.1e} at most')
    print(f'for TensorRT:\n  trtexec --onnx={report.path} --fp16 {report.trtexec_shapes()}')


if __name__ == '__main__':
    sys.exit(main())
