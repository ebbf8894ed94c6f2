"""Write the deployable part of a detector and compare it with PyTorch.

What that part is, and the format, is the plug-in's matter; its README says so. "list exporters"
names those that are installed.
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
                        help='float32 clouds with the columns of the model; the first is traced, '
                             'all are compared (default: drawn sweeps)')
    parser.add_argument('--exporter', metavar='NAME',
                        help="which one, where the config's plug-in has several")
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.atomic_files import check_place
    from sparse3d.deploy.export import export
    from sparse3d.engine.config_options import parse_options
    out = arguments.out or f'{Path(arguments.config).stem}.onnx'
    check_place(out)
    report = export(arguments.config, arguments.checkpoint, out, arguments.points,
                    parse_options(arguments.cfg_options), arguments.exporter)
    print('\n'.join(report.sentences()))
    print(f'{report.path.stat().st_size / 1e6:.1f} MB written to {report.path}')
