"""Install rows of the matrix and run the fast tests in each; a row that cannot be is said so.

Each row has an interpreter, a lock file and an environment of its own under .venvs/, which is kept
for the next time. Standard library only.
"""
from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'tools')]

from installation.locks import ROWS, Row, frozen, pins_of  # noqa: E402

PAGES = (ROOT / 'docs' / 'installation.md', ROOT / 'README.md')
BEGIN, END = '<!-- matrix -->', '<!-- end of matrix -->'
HEAD = ['| row | Python | NumPy | torch | fast tests | on |', '|---|---|---|---|---|---|']


def parse_arguments() -> argparse.Namespace:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  python tools/matrix.py --rows numpy2 py312 --write')
    parser.add_argument('--rows', nargs='+', choices=names, default=names, metavar='ROW',
                        help=f'of {", ".join(names)}; default: all')
    parser.add_argument('--venvs', type=Path, default=ROOT / '.venvs',
                        help='where the environments are (default: %(default)s)')
    parser.add_argument('--write', action='store_true',
                        help='write the results into the table of the README and installation.md')
    parser.add_argument('--relock', action='store_true',
                        help='write the versions that are installed into the lock of each row')
    parser.add_argument('--processes', type=int, default=2, help='of the tests')
    return parser.parse_args()


def find_python(version: str) -> str | None:
    """An interpreter of this version: on the path, this one, or of pyenv; None if there is none."""
    pyenv = Path(os.environ.get('PYENV_ROOT') or Path.home() / '.pyenv') / 'versions'
    found = [shutil.which(f'python{version}'), sys.executable,
             *sorted(map(str, pyenv.glob(f'{version}.*/bin/python')), reverse=True)]
    question = 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])'
    for python in filter(None, found):
        answer = subprocess.run([python, '-c', question], capture_output=True, text=True)
        if answer.stdout.strip() == version:
            return python
    return None


def run_row(row: Row, venvs: Path, processes: int) -> tuple[bool, str]:
    """Install a row and run its tests: whether all passed, and what to say."""
    python = find_python(row.python)
    if python is None:
        return False, f'not run: no Python {row.python} here'
    venv = venvs / row.name
    # Whatever lay on the path of the caller must not win over what the row installs.
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    installed = subprocess.run(
        [python, 'tools/install.py', '--venv', str(venv), '--lock', row.lock, '--device', 'cpu'],
        cwd=ROOT, env=environment)
    if installed.returncode:
        return False, 'not run: the installation failed'
    done = subprocess.run(
        [str(venv / 'bin/python'), '-m', 'pytest', '-n', str(processes), '--dist', 'loadfile',
         '-m', 'fast and not slow', '-q'], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        env={'GOMP_SPINCOUNT': '0', **environment, 'OMP_NUM_THREADS': '1'})
    print(done.stdout[-4000:])
    return done.returncode == 0, summary_of(done.stdout)


def summary_of(printed: str) -> str:
    """``2632 passed, 21 skipped`` of what pytest printed."""
    counts = re.findall(r'\d+ (?:failed|passed|skipped|errors?)\b', printed.strip().split('\n')[-1])
    return ', '.join(counts) or 'the tests did not end'


def line_of(row: Row, said: str, day: str) -> str:
    """A row of the table."""
    pins = pins_of(row.path.read_text()) if row.path.is_file() else {}
    return (f'| {row.name} | {row.python} | {pins.get("numpy", "2")} | '
            f'{pins.get("torch", row.torch)} | {said} | {day} |')


def with_lines(page: str, lines: dict[str, str]) -> str:
    """The page with these lines in its table; lines of other rows stay."""
    before, _, rest = page.partition(BEGIN)
    table, _, after = rest.partition(END)
    kept = dict(re.findall(r'^(\| (\w+) \|.*)$', table, re.M) and
                [(name, line) for line, name in re.findall(r'^(\| (\w+) \|.*)$', table, re.M)
                 if name != 'row'])
    kept |= lines
    ordered = [kept[row.name] for row in ROWS if row.name in kept]
    return before + '\n'.join([BEGIN, *HEAD, *ordered, END]) + after


def main() -> int:
    options = parse_arguments()
    lines, failed = {}, []
    for row in [row for row in ROWS if row.name in options.rows]:
        start = time.monotonic()
        print(f'{row.name}: Python {row.python}, {row.lock}', flush=True)
        passed, said = run_row(row, options.venvs, options.processes)
        print(f'{row.name}: {said} ({time.monotonic() - start:.0f} s)', flush=True)
        if passed and options.relock and row.name != 'main':
            row.path.write_text(frozen(str(options.venvs / row.name / 'bin/python'),
                                       f'Versions of the row {row.name}: Python {row.python}, '
                                       f'written by tools/matrix.py --relock.'))
        failed += [] if passed else [row.name]
        lines[row.name] = line_of(row, said, datetime.date.today().isoformat())
    if options.write:
        for page in PAGES:
            page.write_text(with_lines(page.read_text(), lines))
    print('\n'.join([*HEAD, *lines.values()]))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
