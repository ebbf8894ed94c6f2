"""Follow the detections of a split over its frames: who is who, in the format of the benchmark.

Read are stored detections and the info file of the same split, which has times, scenes and the
poses of the vehicle; or a config and a checkpoint, which detects first. Detections: results JSON of
nuScenes, a folder of KITTI results, a Waymo .bin, an Argoverse 2 .feather, or what "detect" writes
(.json, .csv, .npz). Tracks: JSON of nuScenes' tracking task, texts of KITTI's tracking benchmark,
Waymo .bin and Argoverse 2 .feather with ids, or a folder of .json, .csv or .npz.
"""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d track results_nusc.json --infos data/nuscenes/nuscenes_infos_val.pkl --out tracks.json
  sparse3d track results_nusc.json --infos INFOS.pkl --out t.json --evaluate data/nuscenes
  sparse3d track CONFIG CHECKPOINT --split val --out tracks.json
  sparse3d track kitti_results --infos kitti_tracking_infos_val.pkl --out tracks --evaluate ROOT
  sparse3d track found --infos own_infos_val.pkl --out tracks --like forklift=car
  sparse3d track results_nusc.json --infos INFOS.pkl --out t.json --tracker greedy
  sparse3d track results_nusc.json --infos INFOS.pkl --out t.json --options max_lost=2
  sparse3d track TRACKS.feather --infos INFOS.pkl --only-evaluate data/argoverse2
"""
TRACKERS = ('two_stage', 'greedy', 'depth_cascade', 'query_identity')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('source', help='stored detections of a split; or a config, with CHECKPOINT')
    parser.add_argument('checkpoint', nargs='?', help='weights, ours or converted')
    parser.add_argument('--infos', metavar='FILE.pkl',
                        help='info file of the split of stored detections')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='test',
                        help='of a config: what is detected in and tracked (default: %(default)s)')
    parser.add_argument('--out', metavar='PLACE',
                        help='where the tracks go: a file, or a folder for KITTI and --format')
    parser.add_argument('--format', choices=['json', 'csv', 'npz'],
                        help="a folder with a file for each frame (default: the data set's own "
                             'format)')
    add_tracker(parser)
    parser.add_argument('--confirmed', action='store_true',
                        help='leave out tracks that are too new to be sure of')
    parser.add_argument('--evaluate', metavar='ROOT',
                        help="raw data set: print the benchmark's tracking scores as well")
    parser.add_argument('--only-evaluate', metavar='ROOT',
                        help='SOURCE holds tracks already: print their scores and write nothing')
    parser.add_argument('--score-options', nargs='+', metavar='KEY=VALUE',
                        help='options of the scores (Argoverse 2: max_range=100, '
                             'region_of_interest=True)')
    parser.add_argument('--score-threshold', type=float, default=0.0,
                        help="leave out a model's detections below (default: %(default)s)")
    parser.add_argument('--device', help='cpu or cuda; default: the GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def add_tracker(parser: argparse.ArgumentParser) -> None:
    """Arguments that say how is tracked."""
    parser.add_argument('--tracker', choices=TRACKERS, default='two_stage',
                        help='Kalman filter and two stages by score; by detected velocity as '
                             'CenterPoint; the two stages from near to far; the ids that the '
                             'detector gave (default: %(default)s)')
    parser.add_argument('--options', nargs='+', metavar='KEY=VALUE',
                        help='options of the tracker')
    parser.add_argument('--like', nargs='+', metavar='NAME=CLASS', default=[], type=pair,
                        help='what classes of your own move like, forklift=car')


def pair(text: str) -> tuple[str, str]:
    """A name and what it moves like."""
    name, sign, other = text.partition('=')
    if not (name and sign and other):
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=CLASS, forklift=car for instance')
    return name, other


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.track import score_stored_tracks, track
    from sparse3d.engine.config_options import parse_options
    from sparse3d.errors import ConfigError
    score_options = parse_options(arguments.score_options, '--score-options')
    _refuse_useless(arguments)
    if arguments.only_evaluate:
        if arguments.out or arguments.evaluate or arguments.checkpoint:
            raise ConfigError('--only-evaluate scores tracks that are there: it goes with SOURCE '
                              'and --infos alone, without CHECKPOINT, --out and --evaluate')
        print(score_stored_tracks(arguments.source, arguments.infos, arguments.only_evaluate,
                                  score_options))
        return
    if score_options and not arguments.evaluate:
        raise ConfigError('--score-options go with --evaluate or --only-evaluate')
    if not arguments.out:
        raise ConfigError('--out is missing: it says where the tracks go')
    print(track(arguments.source, arguments.infos, arguments.out, arguments.tracker,
                parse_options(arguments.options, '--options'), arguments.confirmed,
                arguments.evaluate,
                checkpoint=arguments.checkpoint, split=arguments.split,
                score_threshold=arguments.score_threshold, form=arguments.format,
                like=dict(arguments.like), cfg_options=parse_options(arguments.cfg_options),
                device=arguments.device, score_options=score_options))


def _refuse_useless(arguments: argparse.Namespace) -> None:
    """An option that would be passed over is a misunderstanding."""
    from sparse3d.errors import ConfigError
    model = dict(split='test', score_threshold=0.0, device=None, cfg_options=None)
    tracking = dict(tracker='two_stage', options=None, like=[], confirmed=False, format=None)
    checked = [(model, 'a CHECKPOINT behind a config', arguments.checkpoint is None),
               (tracking, 'tracking, which --only-evaluate does not do',
                bool(arguments.only_evaluate))]
    for options, what, useless in checked:
        for name, default in options.items():
            if useless and getattr(arguments, name) != default:
                raise ConfigError(f'--{name.replace("_", "-")} is for {what}; leave it out')
