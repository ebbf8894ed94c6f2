"""Arguments of ``simulate`` that all data sets share: weather, light and people."""
from __future__ import annotations

import argparse

from sparse3d.simulate.conditions import WEATHERS, Conditions


def add_conditions(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of :func:`conditions`."""
    default = Conditions()
    parser.add_argument('--weather', choices=WEATHERS, default=default.weather,
                        help='fog dims and blurs, rain adds false points; both hide far things')
    parser.add_argument('--visibility', type=float, default=default.visibility,
                        help='of fog, in meters')
    parser.add_argument('--rain-rate', type=float, default=default.rain_rate,
                        help='of rain, in mm/h')
    parser.add_argument('--night', action='store_true',
                        help='dark pictures, lit by the headlights')
    parser.add_argument('--people', type=float, default=default.people,
                        help='pedestrians, times the usual 4 to 15 of a street')


def conditions(arguments: argparse.Namespace) -> Conditions:
    """The conditions that were asked for."""
    return Conditions(arguments.weather, arguments.visibility, arguments.rain_rate,
                      arguments.night, arguments.people)
