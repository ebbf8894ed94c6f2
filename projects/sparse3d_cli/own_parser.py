"""Sub-commands whose arguments stand in a contract: only those of the chosen one are imported.

What another data set brings can neither slow the command line down nor break it.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any


class OwnParser(argparse.ArgumentParser):
    """A parser that gets its arguments when it parses.

    Args:
        arguments: reference to a function that adds them; None for none.
        examples: lines for the end of its help.
    """

    def __init__(self, *positional: Any, arguments: str | None = None, examples: str = '',
                 **options: Any) -> None:
        options.setdefault('formatter_class', argparse.RawDescriptionHelpFormatter)
        super().__init__(*positional, **options,
                         epilog=f'examples:\n{examples}' if examples else None)
        self._reference = arguments

    def parse_known_args(self, *given: Any, **options: Any) -> Any:
        """As argparse, with the arguments of the contract.

        Raises:
            PluginError: if they cannot be imported.
        """
        reference, self._reference = self._reference, None
        if reference is not None:
            from sparse3d.plugins import load  # not before it is known to be ours
            load(reference)(self)
        return super().parse_known_args(*given, **options)


class HelpWithDefaults(argparse.ArgumentDefaultsHelpFormatter,
                       argparse.RawDescriptionHelpFormatter):
    """Lines of examples as they are, and the default of each option."""


class VerbParser(argparse.ArgumentParser):
    """The parser of a verb.

    Args:
        as_started: examples in, written as the user started the verb.
    """

    def __init__(self, as_started: Callable[[str], str], **options: Any) -> None:
        super().__init__(**options)
        self.as_started = as_started


def add_parsers(parser: VerbParser, metavar: str) -> Any:
    """A place for sub-commands, one of which has to be chosen.

    Examples of a sub-command are lines that begin with ``sparse3d``.
    """
    return parser.add_subparsers(required=True, metavar=metavar,
                                 parser_class=partial(_own_parser, parser.as_started))


def _own_parser(as_started: Callable[[str], str], *positional: Any,
                examples: Iterable[str] = (), **options: Any) -> OwnParser:
    text = '\n'.join(f'  {line}' for line in examples)
    return OwnParser(*positional, examples=as_started(text), **options)
