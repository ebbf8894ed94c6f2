"""List what is installed: one line each."""
from __future__ import annotations

import argparse
import sys

EXAMPLES = """examples:
  python tools/list.py configs
  python tools/list.py plugins       # broken ones with their error
"""
KINDS = ('configs', 'modules', 'plugins', 'datasets', 'pictures', 'exporters', 'benchmarks')


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('kind', choices=KINDS, help='what to list')
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: run(arguments))


def run(arguments: argparse.Namespace) -> None:
    from sparse3d.apis.list import list_lines
    lines = list_lines(arguments.kind)
    print('\n'.join([*lines, f'{len(lines)} {arguments.kind}']))


if __name__ == '__main__':
    sys.exit(main())
