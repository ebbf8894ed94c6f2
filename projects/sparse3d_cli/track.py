"""Follow the detections of a split over its frames: who is who, in the format of the benchmark.

Read are stored detections and the info file of the same split, which has times, scenes and the
poses of the vehicle. nuScenes: results JSON in, JSON of the tracking task out.
"""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d track results_nusc.json --infos data/nuscenes/nuscenes_infos_val.pkl --out tracks.json
  sparse3d track results_nusc.json --infos INFOS.pkl --out t.json --evaluate data/nuscenes
  sparse3d track results_nusc.json --infos INFOS.pkl --out t.json --tracker greedy
  sparse3d track results_nusc.json --infos INFOS.pkl --out t.json --options max_lost=2
"""
TRACKERS = ('two_stage', 'greedy', 'depth_cascade')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('results', help='stored detections of a split')
    parser.add_argument('--infos', required=True, metavar='FILE.pkl',
                        help='info file of the same split')
    parser.add_argument('--out', required=True, metavar='FILE', help='where the tracks go')
    parser.add_argument('--tracker', choices=TRACKERS, default='two_stage',
                        help='Kalman filter and two stages by score; by detected velocity as '
                             'CenterPoint; the two stages from near to far (default: %(default)s)')
    parser.add_argument('--options', nargs='+', metavar='KEY=VALUE',
                        help='options of the tracker')
    parser.add_argument('--confirmed', action='store_true',
                        help='leave out tracks that are too new to be sure of')
    parser.add_argument('--evaluate', metavar='ROOT',
                        help="raw data set: print the benchmark's tracking scores as well")


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.track import track
    from sparse3d.engine.config_options import parse_options
    print(track(arguments.results, arguments.infos, arguments.out, arguments.tracker,
                parse_options(arguments.options), arguments.confirmed, arguments.evaluate))
