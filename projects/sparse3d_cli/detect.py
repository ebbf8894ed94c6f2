"""Detect objects in point clouds of your own."""
from __future__ import annotations

import argparse
import sys

EXAMPLES = """\
  sparse3d detect CONFIG CHECKPOINT sweep.bin
  sparse3d detect CONFIG CHECKPOINT folder --out found --formats json txt
  sparse3d detect CONFIG CHECKPOINT scan.pcd scan.ply --score-threshold 0.5 --formats png svg
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='config file, or its bare name')
    parser.add_argument('checkpoint', help='weights, ours or converted')
    parser.add_argument('clouds', nargs='+',
                        help='.bin, .npy, .pcd, .ply, .las or .laz files, or folders of them')
    parser.add_argument('--out', default='detections', metavar='FOLDER',
                        help='where the results go (default: %(default)s)')
    parser.add_argument('--formats', nargs='+', default=['json'],
                        choices=['json', 'csv', 'txt', 'npz', 'png', 'svg', 'pdf'],
                        help='json, csv (both are labels again), npz; txt: KITTI; png: 3D view; '
                        'svg, pdf: in BEV '
                        '(default: json)')
    parser.add_argument('--score-threshold', type=float, default=0.3,
                        help='leave out detections below this score (default: %(default)s)')
    parser.add_argument('--intensity-scale', type=float, default=1.0, metavar='FACTOR',
                        help="multiply intensities to the units of the training's")
    parser.add_argument('--sensor-height', type=float, metavar='METERS',
                        help="height of your LiDAR above the ground, if not the training's: z is "
                        'shifted for the model, results are in your frame')
    parser.add_argument('--track', nargs='?', const='two_stage', metavar='TRACKER',
                        choices=['two_stage', 'greedy', 'depth_cascade'],
                        help='follow the detections from file to file and write ids: two_stage '
                             '(default), greedy or depth_cascade; times from frames.json')
    parser.add_argument('--frame-rate', type=float, metavar='HZ',
                        help='for --track, of files without frames.json, in order of their names')
    parser.add_argument('--device', help='cpu or cuda; default: the GPU if there is one')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE',
                        help='override the config')


def _following(arguments: argparse.Namespace) -> object:
    from sparse3d.apis.followed_files import Following
    from sparse3d.errors import ConfigError
    if arguments.track is None:
        if arguments.frame_rate is not None:
            raise ConfigError('--frame-rate is for --track; give both or none')
        return None
    return Following(arguments.track, frame_rate=arguments.frame_rate)


def run(arguments: argparse.Namespace) -> int:
    from sparse3d.apis.detect_files import detect_files
    from sparse3d.engine.allocator import set_allocator
    from sparse3d.engine.config_options import parse_options
    set_allocator()
    done = detect_files(arguments.config, arguments.checkpoint, arguments.clouds, arguments.out,
                        arguments.formats, arguments.score_threshold, arguments.device,
                        parse_options(arguments.cfg_options), arguments.intensity_scale,
                        arguments.sensor_height, _following(arguments))
    print(f'{len(done)} clouds, {sum(map(len, done.values()))} detections; '
          f'results in {arguments.out}')
    for error in done.damaged.values():
        print(f'left out: {error}', file=sys.stderr)
    if done.damaged:
        print(f'{len(done.damaged)} of {len(done) + len(done.damaged)} clouds could not be read: '
              f'{", ".join(path.name for path in done.damaged)}', file=sys.stderr)
    return 1 if done.damaged else 0
