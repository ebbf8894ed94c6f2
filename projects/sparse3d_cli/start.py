"""One verb started: its arguments parsed, then what it needs imported, then run."""
from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from types import ModuleType

from sparse3d_cli.own_package import foreign_package
from sparse3d_cli.own_parser import VerbParser

USER_ERROR = 2


def start_verb(verb: str, arguments: Sequence[str], command: str) -> int:
    """Parse the arguments of a verb and run it.

    Args:
        verb: as the user types it.
        arguments: behind it.
        command: how verbs are started here, with a place for `{verb}` or `{file}`.

    Returns:
        The exit status of the process.
    """
    foreign = foreign_package() if verb != 'doctor' else None  # which has a row for it
    if foreign:
        print(f'error: {foreign}', file=sys.stderr)
        return USER_ERROR
    module = import_module(f'sparse3d_cli.{_file(verb)}')
    parser = partial(parser_of, module, verb, command)
    if getattr(module, 'LIGHT', False):
        return module.run(parser().parse_args(arguments))
    from sparse3d.config_names import find_config
    from sparse3d.errors import Sparse3DError
    try:
        parsed = parser().parse_args(arguments)
        for config in _configs(module, parsed):
            find_config(config)
    except Sparse3DError as error:  # of the contracts that name the arguments, or of a name
        print(f'error: {error}', file=sys.stderr)
        return USER_ERROR
    if 'local_rank' in parsed:  # of torch's launcher
        os.environ.setdefault('LOCAL_RANK', str(parsed.local_rank))
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: module.run(parsed))


def _configs(module: ModuleType, parsed: argparse.Namespace) -> list[str]:
    """What a verb got as configs: a slip in a name need not wait for the imports."""
    if hasattr(module, 'configs'):
        return module.configs(parsed)
    return [parsed.config] if getattr(parsed, 'config', None) else []


def _examples(module: ModuleType) -> str:
    """Those of a verb; of one that data sets take part in, also theirs."""
    if hasattr(module, 'examples'):
        return '\n'.join(f'  {line}' for line in module.examples())
    return module.EXAMPLES


def parser_of(module: ModuleType, verb: str, command: str) -> argparse.ArgumentParser:
    """The parser of a verb, its examples written as the user started it."""
    def as_started(examples: str) -> str:
        return re.sub(r'(-m )?\bsparse3d ([a-z]+(?:-[a-z]+)*)(?= |$)',
                      lambda found: _as_started(command, found[2], bool(found[1])),
                      examples, flags=re.MULTILINE)

    parser = VerbParser(
        as_started, prog=command.format(verb=verb, file=_file(verb)), description=module.__doc__,
        epilog=f'examples:\n{as_started(_examples(module))}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_arguments(parser)
    return parser


def _as_started(command: str, verb: str, by_launcher: bool) -> str:
    """An example's command; a launcher takes a module or a file where Python would stand."""
    started = command.format(verb=verb, file=_file(verb))
    if not by_launcher:
        return started
    return started.removeprefix('python ') if '{file}' in command else f'-m sparse3d {verb}'


def _file(verb: str) -> str:
    return verb.replace('-', '_')
