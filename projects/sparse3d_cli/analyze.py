"""Take an evaluation apart: the benchmark's numbers, curves, kinds of mistakes, worst frames."""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d analyze CONFIG work_dirs/mine/epoch_80.pth
  sparse3d analyze CONFIG --results results_nusc.json           # of another tool
  sparse3d analyze CONFIG one.pth other.pth                      # side by side
  sparse3d analyze CONFIG mine.pth --results theirs.json         # the same
  sparse3d analyze CONFIG CHECKPOINT --out report --frames 200 --iou-threshold 0.7
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', nargs='*', help='file with the weights; two are compared')
    parser.add_argument('--results', metavar='FILE', nargs='+',
                        help='the detections of another tool in place of, or beside, a '
                             'checkpoint: results JSON of nuScenes, a folder of KITTI results, a '
                             'Waymo .bin, an Argoverse 2 .feather, or what "detect" writes (.json, '
                             '.csv, .npz, or a folder of them); two are compared')
    parser.add_argument('--out', default='report', metavar='FOLDER',
                        help='where the report goes (default: %(default)s)')
    parser.add_argument('--frames', type=int, metavar='N',
                        help='number of frames, spread over the split (default: all, as the '
                             'benchmark wants it)')
    parser.add_argument('--score-threshold', type=float, default=0.3,
                        help='count mistakes from this score on (default: %(default)s)')
    parser.add_argument('--iou-threshold', type=float, metavar='IOU',
                        help="BEV IoU that counts as found (default: the benchmark's rule)")
    parser.add_argument('--worst', type=int, default=6, metavar='N',
                        help='draw the N frames with the most mistakes, and the N with the fewest '
                             '(default: %(default)s)')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='test',
                        help='whose frames (default: %(default)s)')
    parser.add_argument('--device', help='cpu or cuda; default: the GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.analyze import analyze
    from sparse3d.engine.config_options import parse_options
    path = analyze(
        arguments.config, arguments.checkpoint, arguments.out, arguments.frames,
        arguments.score_threshold, arguments.iou_threshold, arguments.worst, arguments.split,
        parse_options(arguments.cfg_options), arguments.device, arguments.results)
    print(f'report: {path}')
