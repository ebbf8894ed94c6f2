"""``simulate waymo``: its arguments, and what it runs."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried
from sparse3d.simulate.arguments import add_conditions, conditions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate waymo``."""
    from sparse3d.datasets.waymo.simulate.options import WaymoOptions
    default = WaymoOptions()
    parser.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    parser.add_argument('--segments', type=int, default=4, help='number of segments')
    parser.add_argument('--seconds', type=float, default=default.seconds,
                        help='length of a segment')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same content')
    add_executor(parser)
    parser.add_argument('--format', choices=['v1', 'v2', 'both'], default=default.format,
                        help='TFRecord, Parquet, or both from the same frames')
    parser.add_argument('--frame-rate', type=float, default=default.frame_rate,
                        help='frames per second, at most 10 as in the real data')
    parser.add_argument('--columns', type=int, default=default.columns,
                        help='columns of the TOP range image; 2650 in the real data')
    parser.add_argument('--image-width', type=int, default=default.image_width,
                        help='pixels; 1920 in the real data, 0 for no cameras')
    parser.add_argument('--projections', action='store_true',
                        help='store the camera pixel that each LiDAR point falls on')
    parser.add_argument('--val-fraction', type=float, default=default.val_fraction,
                        help='share of the segments kept for validation')
    add_conditions(parser)


def simulate(arguments: argparse.Namespace) -> str:
    """What ``simulate waymo`` runs; returns a closing line."""
    from sparse3d.datasets.waymo.simulate.drive import WaymoOptions, simulate_waymo
    if arguments.retry_failed:
        say_retried(arguments.out)
    options = WaymoOptions(
        seconds=arguments.seconds, frame_rate=arguments.frame_rate, columns=arguments.columns,
        image_width=arguments.image_width, projections=arguments.projections,
        format=arguments.format, val_fraction=arguments.val_fraction,
        conditions=conditions(arguments))
    simulate_waymo(arguments.out, arguments.segments, arguments.seed, arguments.workers, options)
    return f'{arguments.segments} simulated segments in {arguments.out}'
