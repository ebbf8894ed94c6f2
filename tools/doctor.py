"""What works on this machine: a table, with the remedy beside each row that fails.

Exit status 1 when something is broken, else 0.
"""
from __future__ import annotations

import argparse
import runpy
import sys
import warnings
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
# By its file: the doctor also works where sparse3d is not installed.
runpy.run_path(str(TOOLS.parent / 'projects' / 'sparse3d' / 'passive_wait.py'))
sys.path.insert(0, str(TOOLS))

from installation.checks import Row, all_checks  # noqa: E402

MARKS = {'ok': 'ok    ', 'note': 'note  ', 'broken': 'BROKEN'}
COLORS = {'ok': '32', 'note': '33', 'broken': '31'}


def print_row(row: Row) -> None:
    mark = MARKS[row.state]
    if sys.stdout.isatty():
        mark = f'\033[{COLORS[row.state]}m{mark}\033[0m'
    print(f'{mark}  {row.name:26s} {row.value}', flush=True)
    if row.remedy:
        print(f'{"":35s}-> {row.remedy}', flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  python tools/doctor.py')
    parser.parse_args()
    warnings.filterwarnings('ignore')
    broken = 0
    for row in all_checks():
        print_row(row)
        broken += row.state == 'broken'
    print(f'\n{broken} broken' if broken else '\neverything needed works')
    return 1 if broken else 0


if __name__ == '__main__':
    sys.exit(main())
