"""Labeled drives in the formats of the data sets that have a simulator."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sparse3d.apis.command_line import run_command
from sparse3d.plugins import data_sets, load


def simulate(description: str, arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the chosen simulation; return the exit status of the process.

    Args:
        description: what ``--help`` says.
        arguments: by default those of the command line.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    return run_command(lambda: _run(description, given))


def _run(description: str, given: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    formats = parser.add_subparsers(required=True, metavar='format')
    for name, data_set in data_sets().items():
        if data_set.simulate is None:
            continue
        chosen = formats.add_parser(name, help=data_set.summary,
                                    formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        if given[:1] == [name]:  # the others are named only: their arguments may load much
            load(data_set.simulate_arguments)(chosen)
            chosen.set_defaults(run=load(data_set.simulate))
    parsed = parser.parse_args(given)
    print(parsed.run(parsed))
