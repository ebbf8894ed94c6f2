"""List what is installed: one line each."""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d list configs
  sparse3d list plugins       # broken ones with their error
"""
KINDS = ('configs', 'modules', 'plugins', 'datasets', 'pictures', 'exporters', 'benchmarks')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('kind', choices=KINDS, help='what to list')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.list import list_lines
    lines = list_lines(arguments.kind)
    print('\n'.join([*lines, f'{len(lines)} {arguments.kind}']))
