"""Make the tables of the pages anew: results/*.json, and the plug-ins' published quirks."""
from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  python tools/update_tables.py')
    parser.add_argument('files', type=Path, nargs='*', help='default: READMEs and docs/')
    arguments = parser.parse_args()
    from sparse3d.apis.command_line import run_command
    return run_command(lambda: run(arguments.files or pages()))


def pages() -> list[Path]:
    """The project's README, those of the plug-ins, and the pages that some have in docs/."""
    return [ROOT / 'README.md', *sorted(ROOT.glob('projects/*/README.md')),
            *(path for path in sorted(ROOT.glob('docs/*.md'))
              if re.search('<!-- (published|pivot|table|lines): ', path.read_text()))]


def run(files: list[Path]) -> None:
    from sparse3d.atomic_files import write_bytes_atomically
    from sparse3d.engine.pivot_tables import fill_pivot_tables
    from sparse3d.engine.published_tables import fill_published_tables
    from sparse3d.engine.result_tables import fill_tables
    from sparse3d.errors import DataError
    absent = [str(path) for path in files if not path.is_file()]
    if absent:
        raise DataError(f'{", ".join(absent)} does not exist; name a page with tables, or none for '
                        'all pages')
    for path in files:
        text = fill_pivot_tables(fill_tables(path.read_text(), ROOT / 'results'),
                                 ROOT / 'results')
        text = fill_published_tables(text)
        write_bytes_atomically(path, text.encode())
    print(f'tables made anew: {", ".join(map(str, files))}')


if __name__ == '__main__':
    sys.exit(main())
