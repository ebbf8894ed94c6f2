"""What each reporter of a field case is told, and by which verb: docs/what_it_says.md.

    python tests/support/reporters_table.py                # run all cases, write the page
    python tests/support/reporters_table.py --only lidar/16_kitti_calibration_variants

Every ``tests/field/{camera,lidar,security}/*.py`` runs in a process of its own, in which verbs are
listened to: what they raise, warn, log and report. A case in which nothing is said is one that is
taken, or asks a process of its own; then a sentence on what the script has made sure of stands
there (``reporters_sentences.py``).
"""
from __future__ import annotations

import argparse
import ast
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reporters_sentences import REPORTED, TAKEN

ROOT = Path(__file__).resolve().parents[2]
FIELD = ROOT / 'tests' / 'field'
PAGE = ROOT / 'docs' / 'what_it_says.md'
ROOMS = dict(camera='Cameras', lidar='LiDAR', security='Files that would run code')
COMMAND = 'python tests/support/reporters_table.py'
LONGEST, MOST = 520, 4  # characters of what was reported, rows of a case
Rows = list[tuple[str, str]]
# Cases whose trouble is the machine's: what ``doctor`` runs with, and its row that is about it.
OF_THE_MACHINE = {'camera/21_a_display_that_is_not_there': (dict(DISPLAY=':77'), '3D rendering')}
INTRODUCTION = f"""\
# What it says

Inputs that users of this field reported trouble with, each as a script in `tests/field`: what was
wrong when it was reported, and what `doctor`, `check`, `--dry-run` or the verb itself tells now.
`doctor` looks at the machine and at no data: it stands where the trouble is the machine's.
Where nothing is said, since the input is taken as it is or a process of its own was asked, the
last column has what the script made sure of. This page is written by

    {COMMAND}

and compared with what the scripts say by `tests/support/test_reporters_table.py`. Folders are
left out of the sentences (`…`), at most {MOST} sentences of a case are shown.
"""


def scripts() -> list[Path]:
    """All cases of reporters, by room and name."""
    return [path for room in ROOMS for path in sorted((FIELD / room).glob('*.py'))]


def name_of(script: Path) -> str:
    """``room/name`` of a case."""
    return f'{script.parent.name}/{script.stem}'


def reported(script: Path) -> str:
    """What was reported: the first sentence of the script's docstring."""
    if name_of(script) in REPORTED:
        return REPORTED[name_of(script)]
    lines = (ast.get_docstring(ast.parse(script.read_text())) or '').splitlines()
    # A list of variants and what was seen elsewhere follow.
    lines = list(itertools.takewhile(lambda line: line.strip() and not line.startswith(' '), lines))
    text = ' '.join(' '.join(lines).split())
    for end in (' Seen at', ' Reports', ' Report:', ' Wrong:', ' Right:', ' Like:', ' Reported'):
        text = text.partition(end)[0]
    first = re.split(r'(?<!e\.g)\. ', text)[0].rstrip('.:')
    return first if len(first) <= LONGEST else first[:LONGEST].rpartition(' ')[0] + ' …'


def rows_of(script: Path) -> Rows:
    """(verb, sentence) of one case, in the order in which they are said.

    Raises:
        RuntimeError: if the script does not pass.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'rows.json'
        paths = [str(ROOT / 'projects'), *filter(None, [os.environ.get('PYTHONPATH')])]
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(paths), 'TMPDIR': folder,
                       'OMP_NUM_THREADS': '1', 'GOMP_SPINCOUNT': '0'}
        done = subprocess.run(
            [sys.executable, '-W', 'ignore', str(Path(__file__).with_name('reporters_listen.py')),
             str(script), str(out)], cwd=ROOT, env=environment, capture_output=True, text=True)
        if done.returncode or not out.is_file():
            raise RuntimeError(f'{name_of(script)} does not pass: {done.stdout[-500:]} '
                               f'{done.stderr[-500:]}')
        said = [tuple(row) for row in json.loads(out.read_text())]
    if not said or name_of(script) in TAKEN:
        said = [('—', TAKEN[name_of(script)]), *said]
    return list(dict.fromkeys([*said, *doctor(name_of(script), environment)]))


def doctor(case: str, environment: dict[str, str]) -> Rows:
    """What ``doctor`` says of the case's machine; nothing of cases whose trouble is in files."""
    if case not in OF_THE_MACHINE:
        return []
    variables, row = OF_THE_MACHINE[case]
    done = subprocess.run([sys.executable, str(ROOT / 'tools' / 'doctor.py')], cwd=ROOT,
                          env={**environment, **variables}, capture_output=True, text=True)
    lines = [line.split(row) for line in done.stdout.splitlines() if row in line]
    if not lines:
        raise RuntimeError(f'doctor has no row {row!r}: {done.stdout[-500:]} {done.stderr[-500:]}')
    state, said = (part.strip() for part in lines[0])
    return [('doctor', f'{row}: {state}, {said}')]


def table(script: Path, rows: Rows) -> list[str]:
    """The lines of one case: the first sentence of each verb, then others, in their order."""
    first_of_verb = {verb: row for row, (verb, _) in reversed(list(enumerate(rows)))}
    order = [*sorted(first_of_verb.values()), *range(len(rows))]
    rows = [rows[row] for row in sorted(list(dict.fromkeys(order))[:MOST])]
    first = [f'`{name_of(script)}`: {_cell(reported(script))}', *[''] * (len(rows) - 1)]
    return [f'| {case} | {_cell(verb)} | {_cell(sentence)} |'
            for case, (verb, sentence) in zip(first, rows, strict=True)]


def page(rows: dict[str, Rows]) -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for room, title in ROOMS.items():
        lines += [f'## {title}', '', '| reported | verb | says now |', '|---|---|---|']
        for script in scripts():
            if script.parent.name == room:
                lines += table(script, rows[name_of(script)])
        lines.append('')
    return '\n'.join(lines).rstrip() + '\n'


def _cell(text: str) -> str:
    parts = text.replace('|', '\\|').split('`')  # every second one is code
    parts[::2] = [re.sub(r'([\\<>$*_\[\]])(?!\|)', r'\\\1', part) for part in parts[::2]]
    return '`'.join(parts)


def main() -> None:
    """Write the page, or print the rows of some cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', nargs='*', help='print these cases (room/name) alone')
    parser.add_argument('--processes', type=int, default=2)
    arguments = parser.parse_args()
    chosen = [script for script in scripts()
              if not arguments.only or name_of(script) in arguments.only]
    with ThreadPoolExecutor(arguments.processes) as pool:
        rows = dict(zip(map(name_of, chosen), pool.map(rows_of, chosen), strict=True))
    if arguments.only:
        for script in chosen:
            print('\n'.join(table(script, rows[name_of(script)])))
        return
    PAGE.write_text(page(rows))
    print(f'wrote {PAGE.relative_to(ROOT)}: {len(rows)} cases')


if __name__ == '__main__':
    main()
