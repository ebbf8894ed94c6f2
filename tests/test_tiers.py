"""The tiers of tests: every test is in one, CI runs all, and the table of budgets names each."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from tiers import FAST, TESTS, is_fast

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / 'Makefile').read_text()
CI = (ROOT / '.ci' / 'run').read_text()


def selection(target: str) -> str:
    """What a target of the Makefile hands to ``pytest -m``."""
    recipe = re.search(rf'^{target}: install\n((?:\t.*\n)+)', MAKEFILE, re.M)[1]
    return re.search(r"-m (?:'([^']+)'|(\w+))", recipe).expand(r'\1\2')


def test_the_two_tiers_are_all_tests():
    assert (selection('test'), selection('test-slow')) == ('not slow', 'slow')
    assert selection('test-fast').endswith('and not slow')


def test_ci_runs_both_and_ends_with_pytest():
    commands = [line for line in CI.splitlines() if line and not line.startswith('#')]
    assert 'make test || failed=1' in commands
    pytest_line, last = commands[-2:]
    made = re.search(r'^TEST = (.*)$', MAKEFILE, re.M)[1].replace('$(RUN)', '.venv/bin/python')
    in_groups = made.replace('loadfile', 'loadgroup --no-loadscope-reorder')
    assert pytest_line == f'{in_groups} -m slow || failed=1'
    assert '\t@$(TEST) --dist loadgroup --no-loadscope-reorder -m slow' in MAKEFILE
    assert last == 'exit "$failed"'
    assert 'set -euo pipefail' in commands


def test_ci_runs_the_everyday_loop_with_numpy_2_and_counts_it():
    commands = [line for line in CI.splitlines() if line and not line.startswith('#')]
    assert 'make test-numpy2 || failed=1' in commands
    made = re.search(r'^test-numpy2:\n\t@(.*)$', MAKEFILE, re.M)[1]
    assert made == '$(PYTHON) tools/matrix.py --rows numpy2'


@pytest.mark.parametrize('path', sorted(
    path for path in TESTS.rglob('test_*.py')
    if re.search(r'^\s*(from|import) nuscenes\b', path.read_text(), re.M)),
    ids=lambda path: path.stem)
def test_a_test_that_asks_the_devkit_is_skipped_without_it(path):
    """With NumPy 2 there is none."""
    assert re.search(r"importorskip\(\s*'nuscenes\b", path.read_text())


def test_the_budgets_stand_in_one_table():
    page = (ROOT / 'CONTRIBUTING.md').read_text()
    rows = dict(re.findall(r'^\| `([^`]+)` \| ([\d.]+) min', page, re.M))
    assert {'make test-fast', 'make test', 'make test-slow', '.ci/run'} <= set(rows)
    assert float(rows['make test']) <= 20 and float(rows['.ci/run']) <= 75
    assert float(rows['make test-fast']) <= 1.5
    together = sum(float(rows[name]) for name in ('make test-numpy2', 'make test',
                                                  'make test-slow'))
    assert together <= float(rows['.ci/run'])


def test_the_everyday_loop_is_a_part_of_the_tests():
    assert [name for name in FAST if not (TESTS / name).exists()] == []
    assert is_fast(TESTS / 'test_tiers.py') and is_fast(TESTS / 'sparse3d')
    assert is_fast(TESTS / 'sparse3d' / 'structures' / 'test_detections.py')
    assert not is_fast(TESTS / 'end_to_end') and not is_fast(TESTS / 'field')
