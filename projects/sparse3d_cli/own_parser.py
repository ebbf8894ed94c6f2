"""Sub-commands whose arguments stand in a contract: only those of the chosen one are imported.

What another data set brings can neither slow the command line down nor break it.
"""
from __future__ import annotations

import argparse
from typing import Any

from sparse3d.plugins import load


class OwnParser(argparse.ArgumentParser):
    """A parser that gets its arguments when it parses.

    Args:
        arguments: reference to a function that adds them; None for none.
    """

    def __init__(self, *positional: Any, arguments: str | None = None, **options: Any) -> None:
        super().__init__(*positional, **options)
        self._reference = arguments

    def parse_known_args(self, *given: Any, **options: Any) -> Any:
        """As argparse, with the arguments of the contract.

        Raises:
            PluginError: if they cannot be imported.
        """
        reference, self._reference = self._reference, None
        if reference is not None:
            load(reference)(self)
        return super().parse_known_args(*given, **options)


def add_parsers(parser: argparse.ArgumentParser, metavar: str) -> Any:
    """A place for sub-commands, one of which has to be chosen."""
    return parser.add_subparsers(required=True, metavar=metavar, parser_class=OwnParser)
