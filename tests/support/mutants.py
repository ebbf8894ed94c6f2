"""Wrong lines that the tests have to notice: makes them, runs the tests, writes what survived.

    python tests/support/mutants.py                    # continues results/mutants.json
    python tests/support/mutants.py --only hand --minutes 10
    python tests/support/mutants.py --list

Half of the mutants are drawn by seed (``mutant_operators.py`` says how a line may be wrong), half
are written by hand (``hand_mutants.toml``). Each runs in a copy of the tree against the tests that
``mutant_tests.py`` chooses, without the slow tier; a test that notices a mutant must pass without
it. ``equivalent_mutants.toml`` holds those that change nothing, with the reason. A result counts
until the file changes, or the test that noticed, or any of those that did not.
"""
from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ENVIRONMENT = {'OMP_NUM_THREADS': '1', 'GOMP_SPINCOUNT': '0', 'MKL_NUM_THREADS': '1'}
if __name__ == '__main__':  # before torch is imported
    os.environ.update(ENVIRONMENT)

import mutant_runs  # noqa: E402
from mutant_list import REPOSITORY, Mutant, equivalent, mutants  # noqa: E402
from mutant_tests import suite_of  # noqa: E402

RESULTS = REPOSITORY / 'results' / 'mutants.json'
EQUIVALENT, NOT_RUN, UNSURE = 'equivalent', 'not run', 'fails without it'


def main() -> int:
    """Run what the command line asks for; 1 if a mutant survived."""
    options = arguments()
    listed = mutants(options.seed, options.drawn)
    chosen = [mutant for mutant in listed if fits(mutant, options.only)]
    if options.list:
        for mutant in chosen:
            print(f'{mutant.name}  {mutant.origin}: {mutant.operator}  {mutant.file}')
        return 0
    known = {row['name']: row for row in read(options.results)}
    mutant_runs.load_libraries()
    end = time.monotonic() + 60 * options.minutes
    with mutant_runs.copied_tree() as copy:
        for mutant in chosen:
            row = known.get(mutant.name, {})
            if row.get('evidence') == fingerprint(mutant, row) and not options.again:
                continue
            if time.monotonic() > end:
                break
            known[mutant.name] = run(copy, mutant, options.seconds)
            write(options.results, listed, known, options.seed)
            print(f"{known[mutant.name]['status']:12} {mutant.file}  {mutant.operator}", flush=True)
        confirm(copy, known, options.seconds)
    write(options.results, listed, known, options.seed)
    rows = read(options.results)
    print(summary(rows))
    return int(any(row['status'] == mutant_runs.SURVIVED for row in rows))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--seed', type=int, default=0, help='of the mutants that are drawn')
    parser.add_argument('--drawn', type=int, default=75, help='number of drawn mutants')
    parser.add_argument('--only', default='', help='part of the origin, file or rule')
    parser.add_argument('--minutes', type=float, default=1e6, help='begin none after so many')
    parser.add_argument('--seconds', type=int, default=240, help='of the processor, per mutant')
    parser.add_argument('--again', action='store_true', help='also what has a result')
    parser.add_argument('--list', action='store_true', help='name the mutants and stop')
    parser.add_argument('--results', type=Path, default=RESULTS)
    return parser.parse_args()


def fits(mutant: Mutant, part: str) -> bool:
    """Whether ``--only`` means this one."""
    return any(part in text for text in (mutant.origin, mutant.file, mutant.operator, mutant.name))


def run(copy: mutant_runs.Copy, mutant: Mutant, seconds: int) -> dict:
    """The row of one mutant."""
    row = dict(name=mutant.name, origin=mutant.origin, operator=mutant.operator,
               file=mutant.file, old=mutant.old, new=mutant.new,
               date=f'{datetime.date.today()}')
    reason = equivalent().get((mutant.file, mutant.old.strip(), mutant.new.strip()))
    if reason:
        row |= dict(status=EQUIVALENT, reason=reason)
        return {**row, 'evidence': fingerprint(mutant, row)}
    start = time.monotonic()
    status, noticed = copy.test(mutant, suite_of(mutant.file), seconds)
    row |= dict(status=status, test=noticed, seconds=round(time.monotonic() - start, 1))
    return {**row, 'evidence': fingerprint(mutant, row)}


def confirm(copy: mutant_runs.Copy, known: dict[str, dict], seconds: int) -> None:
    """Tests that noticed a mutant pass without it; otherwise they say nothing."""
    unsure = {row['test']: [] for row in known.values()
              if row['status'] == mutant_runs.KILLED and not row.get('confirmed')
              and '.py' in row['test']}
    if not unsure:
        return
    together, _ = copy.test(None, sorted(unsure), seconds * 4)
    passed = {test: together == mutant_runs.SURVIVED
              or copy.test(None, [test], seconds)[0] == mutant_runs.SURVIVED for test in unsure}
    for row in known.values():
        if row.get('test') in passed:
            row['confirmed'] = passed[row['test']]
            row['status'] = mutant_runs.KILLED if row['confirmed'] else UNSURE


def fingerprint(mutant: Mutant, row: dict) -> str:
    """Of what a result rests on: the file, and the test that noticed, or all that did not."""
    noticed = row.get('test', '').partition('::')[0]
    tests = [noticed] if noticed.endswith('.py') else suite_of(mutant.file)
    digest = hashlib.sha256()
    for name in (mutant.file, *tests):
        path = REPOSITORY / name
        digest.update(path.read_bytes() if path.is_file() else b'')
    return digest.hexdigest()[:16]


def read(path: Path) -> list[dict]:
    """Rows of a result file, none where there is no file."""
    return json.loads(path.read_text())['mutants'] if path.is_file() else []


def write(path: Path, listed: list[Mutant], known: dict[str, dict], seed: int) -> None:
    """All mutants of the list, those without a result as not run."""
    rows = [known.get(mutant.name) or dict(
        name=mutant.name, origin=mutant.origin, operator=mutant.operator, file=mutant.file,
        old=mutant.old, new=mutant.new, status=NOT_RUN) for mutant in listed]
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], cwd=REPOSITORY,
                            capture_output=True, text=True).stdout.strip()
    content = dict(date=f'{datetime.date.today()}', commit=commit, seed=seed,
                   summary=summary(rows), mutants=rows)
    temporary = path.with_suffix('.tmp')
    temporary.write_text(json.dumps(content, indent=1) + '\n')
    temporary.replace(path)


def summary(rows: list[dict]) -> dict[str, int]:
    """How many of each status."""
    names = [row['status'] for row in rows]
    return {name: names.count(name) for name in sorted(set(names))}


if __name__ == '__main__':
    sys.exit(main())
