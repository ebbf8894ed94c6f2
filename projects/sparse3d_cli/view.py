"""Look at a data set and at what a detector finds in it, live in the browser."""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d view CONFIG                                         # the data alone
  sparse3d view CONFIG work_dirs/mine/epoch_80.pth --port 8080
  sparse3d view CONFIG --results results_nusc.json              # of another tool
  ssh -L 8080:localhost:8080 MACHINE                           # then, over SSH, on your side
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint file; without it no detections')
    parser.add_argument('--results', metavar='FILE',
                        help='show the detections of another tool: results JSON of nuScenes, a '
                             'folder of KITTI results, a Waymo .bin, an Argoverse 2 .feather, or '
                             'what "detect" writes (.json, .csv, .npz, or a folder of them)')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='test',
                        help='whose data to show (default: %(default)s)')
    parser.add_argument('--score-threshold', type=float, default=0.3,
                        help='where the slider stands first (default: %(default)s)')
    parser.add_argument('--host', default='127.0.0.1', metavar='ADDRESS',
                        help='address to listen at; 0.0.0.0 lets everybody on the network look '
                             '(default: %(default)s)')
    parser.add_argument('--port', type=int, default=8080,
                        help='to listen at, 0 for any that is free (default: %(default)s)')
    parser.add_argument('--theme', choices=['dark', 'light'], default='dark',
                        help='colors (default: %(default)s)')
    parser.add_argument('--view', choices=['behind', 'front', 'top', 'follow', 'fit'],
                        default='behind', help='where one looks from first (default: %(default)s)')
    parser.add_argument('--pictures', nargs='+', default=[], metavar='NAME',
                        help='of the plug-in, whose values of points can be looked at: importance')
    parser.add_argument('--device', help='cpu or cuda; default: the GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.view import view
    from sparse3d.engine.config_options import parse_options
    from sparse3d.visualization import Style
    view(arguments.config, arguments.checkpoint, arguments.split, arguments.score_threshold,
         arguments.host, arguments.port, parse_options(arguments.cfg_options), arguments.device,
         arguments.results, Style.named(arguments.theme, view=arguments.view),
         pictures=arguments.pictures)
