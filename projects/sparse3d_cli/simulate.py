"""Simulate labeled drives in the layout of a data set, ready for `create-data`."""
from __future__ import annotations

import argparse

from sparse3d.plugins import data_sets, load
from sparse3d_cli.own_parser import add_parsers

EXAMPLES = """\
  sparse3d simulate kitti data/simulated_kitti --frames 200 --seed 0 --workers 2
  sparse3d simulate nuscenes data/simulated_nuscenes --scenes 10 --seconds 20 --workers 2
  sparse3d simulate waymo data/simulated_waymo --segments 4 --seconds 10 --workers 2
  sparse3d simulate nuscenes data/foggy_night --scenes 2 --weather fog --night
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    formats = add_parsers(parser, 'format')
    for name, data_set in data_sets().items():
        if data_set.simulate is not None:
            chosen = formats.add_parser(name, help=data_set.summary,
                                        arguments=data_set.simulate_arguments,
                                        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
            chosen.set_defaults(_simulate=data_set.simulate)


def run(arguments: argparse.Namespace) -> None:
    print(load(arguments._simulate)(arguments))
