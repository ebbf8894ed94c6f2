"""``simulate custom``: its arguments, and what it runs."""
from __future__ import annotations

import argparse

from sparse3d.parallel.executors import add_executor
from sparse3d.parallel.failures import say_retried


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``simulate custom``."""
    from sparse3d.datasets.custom.simulate.options import AnywhereOptions
    from sparse3d.simulate.anywhere.ingredients import INGREDIENTS
    default = AnywhereOptions()
    parser.add_argument('out', help='folder to fill; a stopped run goes on where it stopped')
    parser.add_argument('--frames', type=int, default=200, help='number of sweeps')
    parser.add_argument('--seed', type=int, default=0, help='same seed, same bytes')
    add_executor(parser)
    parser.add_argument('--val-fraction', type=float, default=.2,
                        help='share of the places, the last ones, kept for validation: sensors '
                        'and places of their own')
    parser.add_argument('--sweeps-per-place', type=int, default=default.sweeps_per_place,
                        help='sensors that look at each place, from different spots')
    parser.add_argument('--without', nargs='+', default=[], metavar='INGREDIENT',
                        help=f'leave ingredients out: {", ".join(INGREDIENTS)}')


def simulate(arguments: argparse.Namespace) -> str:
    """What ``simulate custom`` runs; returns a closing line."""
    from sparse3d.datasets.custom.simulate.anywhere import simulate_anywhere
    from sparse3d.datasets.custom.simulate.options import AnywhereOptions
    if arguments.retry_failed:
        say_retried(arguments.out)
    options = AnywhereOptions(sweeps_per_place=arguments.sweeps_per_place,
                              without=tuple(arguments.without))
    simulate_anywhere(arguments.out, arguments.frames, arguments.seed, arguments.workers,
                      arguments.val_fraction, options)
    return f'{arguments.frames} simulated sweeps in {arguments.out}'
