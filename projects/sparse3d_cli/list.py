"""List what is installed: one line each."""
from __future__ import annotations

import argparse

EXAMPLES = """\
  sparse3d list configs
  sparse3d list configs kitti pv_rcnn     # those with both words in name or description
  sparse3d list configs '*_simulated_*'   # those of this name
  sparse3d list plugins       # broken ones with their error
"""
KINDS = ('configs', 'modules', 'plugins', 'datasets', 'pictures', 'exporters', 'benchmarks')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('kind', choices=KINDS, help='what to list')
    parser.add_argument('words', nargs='*', metavar='WORD',
                        help='list those whose line has all these words; with *, ? or [...] a word '
                             'is the pattern of a name')


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.list import list_lines
    lines = list_lines(arguments.kind, arguments.words)
    print('\n'.join([*lines, f'{len(lines)} {arguments.kind}']))
