"""Simulate labeled drives in the layout of a data set, ready for `create-data`, or a recording."""
from __future__ import annotations

import argparse

from sparse3d.plugins import data_sets, examples_of, load
from sparse3d_cli.own_parser import HelpWithDefaults, VerbParser, add_parsers

RECORDING = (
    'sparse3d simulate mcap data/drive.mcap --seconds 10          # two LiDARs, six cameras',
    'sparse3d simulate mcap data/drive.mcap --image-width 0 --clock-offset 0.4',
    'sparse3d simulate mcap data/drive_bag                        # a ROS 2 bag folder')


def examples() -> list[str]:
    """Command lines for ``--help``, from the contracts of the data sets, and of a recording."""
    return [*examples_of('simulate'), *RECORDING]


def add_arguments(parser: VerbParser) -> None:
    formats = add_parsers(parser, 'format')
    for name, data_set in data_sets().items():
        if data_set.simulate is not None:
            chosen = formats.add_parser(name, help=data_set.summary,
                                        arguments=data_set.simulate_arguments,
                                        examples=examples_of(f'simulate {name}'),
                                        formatter_class=HelpWithDefaults)
            chosen.set_defaults(_simulate=data_set.simulate)
    room = 'sparse3d.recordings.arguments'
    chosen = formats.add_parser('mcap', help='a recorded drive, as MCAP or ROS 2 bag',
                                arguments=f'{room}:add_simulate_arguments', examples=RECORDING,
                                formatter_class=HelpWithDefaults)
    chosen.set_defaults(_simulate=f'{room}:simulate')


def run(arguments: argparse.Namespace) -> None:
    print(load(arguments._simulate)(arguments))
