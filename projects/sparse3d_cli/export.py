"""Write the deployable part of a detector as ONNX and compare it with PyTorch.

DSVT: voxel features and the partition into sets are inputs of the file; everything behind them
is in it, with dynamic numbers of voxels and sets. SparseBEV: feature maps of all frames and
their matrices are inputs, the decoder is in it. Both in standard operators.
"""
from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
  sparse3d export dsvt_pillar_waymo_1frame_24e CHECKPOINT
  sparse3d export CONFIG CHECKPOINT --out dsvt.onnx --points a.bin b.bin
  sparse3d export sparsebev_r50_400q_nuscenes CHECKPOINT
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint; without it initial weights')
    parser.add_argument('--out', help="file to write (default: the config's name, .onnx)")
    parser.add_argument('--points', nargs='+', default=[], metavar='FILE.bin',
                        help='DSVT: float32 clouds with the columns of the model; the first is '
                             'traced, all are compared (default: two drawn sweeps)')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.deploy.export import export_onnx
    from sparse3d.engine.config_options import parse_options
    out = arguments.out or f'{Path(arguments.config).stem}.onnx'
    report = export_onnx(arguments.config, arguments.checkpoint, out, arguments.points,
                         parse_options(arguments.cfg_options))
    print('\n'.join(report.sentences()))
    print(f'{report.path.stat().st_size / 1e6:.1f} MB written to {report.path}')
