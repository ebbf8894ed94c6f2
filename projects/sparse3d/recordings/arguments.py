"""``simulate mcap`` and ``create-data recording``: their arguments, and what they run."""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from sparse3d.errors import ConfigError


def add_simulate_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate mcap``."""
    from sparse3d.simulate.arguments import add_conditions
    parser.add_argument('out', help='a .mcap file; any other name is a ROS 2 bag folder (sqlite3)')
    parser.add_argument('--seconds', type=float, default=10.0, help='length of the drive')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same messages')
    parser.add_argument('--lidar-rate', type=float, default=20.0,
                        help='sweeps per second of the LiDAR on the roof, a multiple of 2')
    parser.add_argument('--front-rate', type=float, default=10.0,
                        help='of the LiDAR in front; 0 leaves it out')
    parser.add_argument('--camera-rate', type=float, default=2.0,
                        help='pictures per second and camera, a multiple of 2')
    parser.add_argument('--image-width', type=int, default=320,
                        help='pixels; 0 leaves the cameras out')
    parser.add_argument('--azimuths', type=int, default=1090,
                        help='LiDAR firings per full turn')
    parser.add_argument('--clock-offset', type=float, default=0.0, metavar='SECONDS',
                        help='by which the clocks of cameras and front LiDAR are wrong')
    add_conditions(parser)


def simulate(arguments: argparse.Namespace) -> str:
    """What ``simulate mcap`` runs; returns a closing line."""
    from sparse3d.recordings.simulated_drive import RecordingOptions, simulate_recording
    from sparse3d.simulate.arguments import conditions
    options = RecordingOptions(
        arguments.seconds, arguments.lidar_rate, arguments.front_rate, arguments.camera_rate,
        arguments.image_width, arguments.azimuths, arguments.clock_offset, conditions(arguments))
    count = simulate_recording(arguments.out, arguments.seed, options)
    return f'{count} messages of {arguments.seconds:g} simulated seconds in {arguments.out}'


def add_custom_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``create-data recording``."""
    parser.add_argument('recording', help='.mcap file, .db3 file, or folder of a ROS 2 bag')
    parser.add_argument('root', help='folder of the custom data set')
    parser.add_argument('--interval', type=float, default=0.5, metavar='SECONDS',
                        help='between frames (default: %(default)s)')
    parser.add_argument('--points', nargs='+', default=[], metavar='TOPIC',
                        help='LiDARs, the leading one first (default: all)')
    parser.add_argument('--images', nargs='+', default=None, metavar='CAMERA=TOPIC',
                        help='cameras (default: all, named after their topics); "none" for none')
    parser.add_argument('--odometry', default='', metavar='TOPIC',
                        help='how the vehicle moves, where /tf does not say it')
    parser.add_argument('--frame', default='', help='of the points, x forward (default: that of '
                        'the leading LiDAR)')
    parser.add_argument('--fixed-frame', default='', metavar='FRAME',
                        help='that stands still (default: odom, else the highest)')
    parser.add_argument('--clock', choices=['aligned', 'stamps', 'log'], default='aligned',
                        help='see "detect" (default: %(default)s)')
    parser.add_argument('--deskew', action='store_true',
                        help='move points from the time at which each was measured')


def create_custom(arguments: argparse.Namespace) -> Any:
    """What ``create-data recording`` runs; returns a report to print."""
    from sparse3d.recordings.custom_data import frames_of_recording
    from sparse3d.recordings.frame_assembler import AssemblyOptions
    from sparse3d.recordings.message_detector import MAX_INTERVAL
    if not 0 < arguments.interval <= MAX_INTERVAL:
        raise ConfigError(f'--interval is {arguments.interval}; give seconds above 0, up to '
                          f'{MAX_INTERVAL:g}')
    images = arguments.images
    named = None if images is None else {} if images == ['none'] else pairs(images, '--images')
    return frames_of_recording(
        arguments.recording, arguments.root, arguments.points, named, arguments.odometry,
        AssemblyOptions(arguments.frame, arguments.fixed_frame, arguments.clock, arguments.deskew,
                        1 / arguments.interval))


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` as a dict.

    Raises:
        ConfigError: for a text without ``=``, or a name that stands twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition('=')
        if not sign or not name or not value or name in found:
            raise ConfigError(f'{option} has {text!r}; give NAME=TOPIC, each name once')
        found[name] = value
    return found
