"""Simulate labeled drives in the layout of a data set, ready for `create-data`."""
from __future__ import annotations

import argparse

from sparse3d.plugins import data_sets, examples_of, load
from sparse3d_cli.own_parser import HelpWithDefaults, VerbParser, add_parsers


def examples() -> list[str]:
    """Command lines for ``--help``, from the contracts of the data sets."""
    return examples_of('simulate')


def add_arguments(parser: VerbParser) -> None:
    formats = add_parsers(parser, 'format')
    for name, data_set in data_sets().items():
        if data_set.simulate is not None:
            chosen = formats.add_parser(name, help=data_set.summary,
                                        arguments=data_set.simulate_arguments,
                                        examples=examples_of(f'simulate {name}'),
                                        formatter_class=HelpWithDefaults)
            chosen.set_defaults(_simulate=data_set.simulate)


def run(arguments: argparse.Namespace) -> None:
    print(load(arguments._simulate)(arguments))
