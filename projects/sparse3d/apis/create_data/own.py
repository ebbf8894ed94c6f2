"""``create_data.py own``."""
from __future__ import annotations

import argparse
import os

from sparse3d.prepare.own import OwnPreparation, prepare_own


def add_own(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    own = commands.add_parser('own', help='a data set of your own; see docs/custom_data.md')
    own.add_argument('root', help='folder with points/ and boxes/')
    own.add_argument('--columns', type=int, default=4,
                     help='numbers of a point: x, y, z, ... (default: %(default)s)')
    own.add_argument('--validation', type=float, default=0.2, metavar='SHARE',
                     help='without splits/*.txt, this share of the frames, the last ones, '
                     'validates (default: %(default)s)')
    own.add_argument('--no-database', action='store_true', help='no ground-truth database')
    own.add_argument('--skip-damaged', action='store_true',
                     help='leave out and name frames whose cloud cannot be read')
    own.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    own.set_defaults(run=_own)


def _own(arguments: argparse.Namespace) -> int:
    options = OwnPreparation(arguments.columns, arguments.validation, not arguments.no_database,
                             arguments.skip_damaged)
    print(prepare_own(arguments.root, options, arguments.workers))
    return 0
