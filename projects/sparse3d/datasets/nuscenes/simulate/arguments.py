"""``simulate nuscenes``: its arguments, and what it runs."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried
from sparse3d.simulate.arguments import add_conditions, conditions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate nuscenes``."""
    from sparse3d.datasets.nuscenes.simulate.options import NuScenesOptions
    default = NuScenesOptions()
    parser.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    parser.add_argument('--scenes', type=int, default=10,
                        help='number of scenes; v1.0-trainval instead of -mini from 11 on')
    parser.add_argument('--seconds', type=float, default=default.seconds,
                        help='length of a scene')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    add_executor(parser)
    parser.add_argument('--image-width', type=int, default=default.image_width,
                        help='pixels; 1600 (by 900) in the real data')
    parser.add_argument('--camera-rate', type=float, default=default.camera_rate,
                        help='pictures per second and camera, a multiple of 2; 12 in the real '
                             'data')
    parser.add_argument('--lidar-rate', type=float, default=default.lidar_rate,
                        help='sweeps per second, a multiple of 2')
    parser.add_argument('--azimuths', type=int, default=default.azimuths,
                        help='LiDAR firings per full turn')
    add_conditions(parser)


def simulate(arguments: argparse.Namespace) -> str:
    """What ``simulate nuscenes`` runs; returns a closing line."""
    from sparse3d.datasets.nuscenes.simulate.drive import NuScenesOptions, simulate_nuscenes
    if arguments.retry_failed:
        say_retried(arguments.out)
    options = NuScenesOptions(
        seconds=arguments.seconds, image_width=arguments.image_width,
        camera_rate=arguments.camera_rate, lidar_rate=arguments.lidar_rate,
        azimuths=arguments.azimuths, conditions=conditions(arguments))
    version = simulate_nuscenes(arguments.out, arguments.scenes, arguments.seed,
                                arguments.workers, options)
    return f'{arguments.scenes} simulated scenes in {arguments.out} as {version}'
