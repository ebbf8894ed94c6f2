"""The arguments of ``create-data``, put together from the contracts of the data sets."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sparse3d.apis.command_line import run_command
from sparse3d.apis.create_data.check import add_check
from sparse3d.apis.create_data.crops import add_crops
from sparse3d.apis.create_data.upgrade import add_upgrade
from sparse3d.plugins import data_sets, load


def create_data(description: str, arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and run the chosen command; return the exit status of the process.

    That is 1 if a check found problems, 2 after an error that the user can mend.

    Args:
        description: what ``--help`` says.
        arguments: by default those of the command line.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    return run_command(lambda: _run(description, given))


def _run(description: str, given: list[str]) -> object:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar='command')
    for name, data_set in data_sets().items():
        if data_set.prepare is None:
            continue
        command = commands.add_parser(name, help=data_set.summary)
        if given[:1] == [name]:  # the others are named only: their arguments may load much
            load(data_set.arguments)(command)
            prepare = load(data_set.prepare)
            command.set_defaults(run=lambda parsed, prepare=prepare: print(prepare(parsed)))
    for add in (add_crops, add_check, add_upgrade):
        add(commands)
    parsed = parser.parse_args(given)
    return parsed.run(parsed)
