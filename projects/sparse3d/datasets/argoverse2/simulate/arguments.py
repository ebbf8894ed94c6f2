"""``simulate argoverse2``: its arguments, and what it runs."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried
from sparse3d.simulate.arguments import add_conditions, conditions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate argoverse2``."""
    from sparse3d.datasets.argoverse2.simulate.options import Argoverse2Options
    default = Argoverse2Options()
    parser.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    parser.add_argument('--logs', type=int, default=8,
                        help='number of logs; every fourth is for validation')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    add_executor(parser)
    parser.add_argument('--sweeps', type=int, default=default.sweeps, help='sweeps of a log')
    parser.add_argument('--sweep-rate', type=float, default=default.sweep_rate,
                        help='sweeps per second; 10 in the real data')
    parser.add_argument('--azimuths', type=int, default=default.azimuths,
                        help='firings per full turn and LiDAR; 1800 in the real data')
    parser.add_argument('--image-width', type=int, default=default.image_width,
                        help='pixels of the pictures; 2048 in the real data, 0: no cameras')
    parser.add_argument('--reach', type=float, default=default.reach, metavar='METERS',
                        help='how far there is a street, at most 220; beyond the usual 110 it goes '
                             'as far ahead, behind and aside (default: %(default)s)')
    add_conditions(parser)


def simulate(arguments: argparse.Namespace) -> str:
    """What ``simulate argoverse2`` runs; returns a closing line."""
    from sparse3d.datasets.argoverse2.simulate.drive import simulate_argoverse2, split_of
    from sparse3d.datasets.argoverse2.simulate.options import Argoverse2Options
    if arguments.retry_failed:
        say_retried(arguments.out)
    options = Argoverse2Options(
        sweeps=arguments.sweeps, sweep_rate=arguments.sweep_rate, azimuths=arguments.azimuths,
        image_width=arguments.image_width, reach=arguments.reach,
        conditions=conditions(arguments))
    simulate_argoverse2(arguments.out, arguments.logs, arguments.seed, arguments.workers, options)
    val = sum(split_of(number) == 'val' for number in range(arguments.logs))
    line = (f'{arguments.logs} simulated logs of {arguments.sweeps} sweeps in {arguments.out}: '
            f'{arguments.logs - val} to train, {val} to validate')
    return line if val else f'{line}; a training needs both: take --logs 4 or more'
