"""Write a detector as graphs for inference engines, compared with PyTorch, into a folder.

The folder holds ONNX files, samples with PyTorch's outputs, and verify.py, which compares them
again without torch. What the graphs are is the plug-in's matter; docs/export.md has the table.
"list exporters" names those that are installed.
"""
from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
  sparse3d export dsvt_pillar_waymo_1frame_24e CHECKPOINT exported
  sparse3d export CONFIG CHECKPOINT exported --points a.bin b.bin
  sparse3d export centerpoint_simulated_kitti_car --out exported
  python exported/verify.py
  sparse3d export CONFIG CHECKPOINT small --precision int8_static --calibration-frames 32
  sparse3d test CONFIG CHECKPOINT --exported small   # its score, in ONNX Runtime
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint; without it initial weights')
    parser.add_argument('folder', nargs='?', help="folder to make (default: the config's name with "
                                                  '_exported behind it)')
    parser.add_argument('--out', help='the same, where there is no checkpoint')
    parser.add_argument('--points', nargs='+', default=[], metavar='FILE.bin',
                        help='float32 clouds with the columns of the model; '
                             'all are compared (default: drawn sweeps)')
    parser.add_argument('--exporter', metavar='NAME',
                        help="which one, where the config's plug-in has several")
    parser.add_argument('--precision', choices=['float32', 'float16', 'int8_dynamic',
                                                'int8_static'], default='float32',
                        help='of convolutions and products with weights, for ONNX Runtime; '
                             'geometry stays float32 (%(default)s)')
    parser.add_argument('--calibration-frames', type=int, default=32, metavar='N',
                        help='frames of the training set, as recorded, that int8_static scales its '
                             'activations by (%(default)s)')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.deploy.export import export
    from sparse3d.engine.config_options import parse_options
    from sparse3d.errors import ConfigError
    if arguments.folder and arguments.out:
        raise ConfigError(f'the export is to go to {arguments.folder} and to {arguments.out}; '
                          f'name one of them')
    out = arguments.folder or arguments.out or f'{Path(arguments.config).stem}_exported'
    options = parse_options(arguments.cfg_options)
    if arguments.precision == 'float32':
        report = export(arguments.config, arguments.checkpoint, out, arguments.points, options,
                        arguments.exporter)
    else:
        from sparse3d.apis.lowered_export import export_lowered
        report = export_lowered(
            arguments.config, arguments.checkpoint, out, arguments.precision,
            arguments.calibration_frames, arguments.points, options, arguments.exporter)
    print('\n'.join(report.sentences()))
    files = [report.path] if report.path.is_file() else list(report.path.iterdir())
    print(f'{sum(path.stat().st_size for path in files) / 1e6:.1f} MB written to {report.path}')
