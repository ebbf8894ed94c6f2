"""Judge a detector on labeled frames of data sets that it never saw.

Recall of objects with enough points near enough, at BEV IoU 0.5 and 0.3, and false boxes a frame,
for each data set, with 95 % of bootstrap draws. The raw files lie in a folder of their own:
--kitti, --nuscenes, --argoverse2, --custom, or SPARSE3D_REAL_DATA with kitti, nuscenes_frame and
argoverse2 in it.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path

EXAMPLES = """\
  sparse3d zero-shot                        # "anywhere" on what SPARSE3D_REAL_DATA holds
  sparse3d zero-shot --kitti /data/kitti --nuscenes /data/nuscenes --pictures seen
  sparse3d zero-shot CONFIG CHECKPOINT --custom data/simulated_anywhere --choose-threshold 1
  sparse3d zero-shot CONFIG CHECKPOINT --kitti /data/kitti --sensor-height kitti=1.73
  sparse3d zero-shot --statistics sweeps.png --custom data/simulated_anywhere --kitti /data/kitti
"""
FOLDERS = {'kitti': 'kitti', 'nuscenes': 'nuscenes_frame', 'argoverse2': 'argoverse2'}
NAMES = (*FOLDERS, 'custom')
CHECKPOINTS = ('.pth', '.pt', '.ckpt', '.safetensors')
SHIPPED = 'anywhere'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', nargs='?', default=SHIPPED,
                        help='config, checkpoint, or weights that come with Sparse3D (default: '
                             '%(default)s)')
    parser.add_argument('checkpoint', nargs='?', help='weights, ours or converted')
    for name in NAMES:
        parser.add_argument(f'--{name}', metavar='FOLDER', help=f'raw files of {name}')
    parser.add_argument('--score-threshold', type=float,
                        help='that counts (default: the one that the weights come with, else 0.3)')
    parser.add_argument('--choose-threshold', type=float, metavar='FALSE',
                        help='print the score at which so many false cars a frame are left; for '
                             'simulated frames')
    parser.add_argument('--min-points', type=int, default=20,
                        help='of an object that is wanted (default: %(default)s)')
    parser.add_argument('--max-distance', type=float, default=40.0, metavar='METERS',
                        help='of an object that is wanted (default: %(default)s)')
    parser.add_argument('--sensor-height', nargs='+', default=[], metavar='NAME=METERS',
                        help='for detectors that do not find the ground by themselves')
    parser.add_argument('--statistics', metavar='FILE.png',
                        help='judge nothing: draw and print what the sweeps look like in numbers, '
                             'simulated (--custom) against real')
    parser.add_argument('--as-custom', metavar='FOLDER',
                        help='judge nothing: write the labeled frames as a custom data set, for '
                             'a detector that is trained on real frames to stand beside')
    parser.add_argument('--hold-out', nargs='+', default=[], metavar='FRAME',
                        help='for --as-custom: frames that validate')
    parser.add_argument('--pictures', metavar='FOLDER', help='draw each frame from above')
    parser.add_argument('--out', metavar='FILE.json', help='write the numbers')
    parser.add_argument('--device', help='cpu or cuda; default: the GPU if there is one')


def configs(arguments: argparse.Namespace) -> list[str]:
    """The config, whose name is checked before anything is imported."""
    alone = arguments.checkpoint is None and arguments.config.lower().endswith(CHECKPOINTS)
    return [] if alone or arguments.config == SHIPPED else [arguments.config]


def roots(arguments: argparse.Namespace) -> dict[str, str]:
    """The folders that are named, or those of SPARSE3D_REAL_DATA that are there."""
    named = {name: getattr(arguments, name) for name in NAMES if getattr(arguments, name)}
    real = os.environ.get('SPARSE3D_REAL_DATA')
    if named or not real:
        return named
    return {name: str(Path(real) / folder) for name, folder in FOLDERS.items()
            if (Path(real) / folder).is_dir()}


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.zero_shot import frames_by_name, statistics, threshold_of, zero_shot
    from sparse3d.datasets.custom.labeled_frames import write_frames
    from sparse3d.engine.allocator import set_allocator
    from sparse3d.errors import ConfigError
    from sparse3d.metrics.zero_shot import Limits, refuse_odd_allowance
    set_allocator()
    if arguments.hold_out and not arguments.as_custom:
        raise ConfigError('--hold-out is for --as-custom; give both or none')
    if arguments.statistics:
        print(statistics(roots(arguments), arguments.statistics))
        return
    if arguments.as_custom:
        frames = [frame for of_it in frames_by_name(roots(arguments)).values() for frame in of_it]
        write_frames(frames, Path(arguments.as_custom), arguments.hold_out)
        print(f'{len(frames)} frames in {arguments.as_custom}')
        return
    heights = {}
    for text in arguments.sensor_height:
        name, equals, value = text.partition('=')
        try:
            heights[name] = float(value)
        except ValueError:
            raise ConfigError(f'--sensor-height {text} is no NAME=METERS, such as '
                              f'kitti=1.73') from None
    if arguments.choose_threshold is not None:
        refuse_odd_allowance(arguments.choose_threshold)
    judged = zero_shot(
        arguments.config, arguments.checkpoint, roots(arguments), arguments.score_threshold,
        Limits(arguments.min_points, arguments.max_distance), heights, arguments.pictures,
        arguments.out, arguments.device)
    print(f'score at least {judged.threshold:g}')
    print(judged.table())
    if arguments.choose_threshold is not None:
        chosen = threshold_of(judged, arguments.choose_threshold)
        print(f'{arguments.choose_threshold:g} false cars a frame at score {chosen:.2f}')
