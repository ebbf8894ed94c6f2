"""The argument ``--shard I/N``: work split over machines."""
from __future__ import annotations

import argparse


def add_shard(parser: argparse.ArgumentParser) -> None:
    """Add ``--shard`` (as ``(i, n)``, default ``(1, 1)``) and ``--merge``."""
    parser.add_argument('--shard', type=_shard, default=(1, 1), metavar='I/N',
                        help='prepare part I of N, for instance on N machines')
    parser.add_argument('--merge', action='store_true',
                        help='join the info files of all parts instead of preparing')


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition('/')
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f'{text!r} is not a part like 2/8')
    return int(part), int(parts)
