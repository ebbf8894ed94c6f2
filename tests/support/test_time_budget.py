"""Slow tests that come too late are skipped with their reason; all others run."""
from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tiers import TESTS
from time_budget import END, GROUPS, LAST, comes_last, end_of_run, group_of

ROOT = TESTS.parent
THREE = '''
import pytest

@pytest.mark.slow
def test_a():
    pass

@pytest.mark.slow
@pytest.mark.parametrize('number', range(3))
def test_b(number):
    pass

def test_quick():
    pass
'''


def closing_line(folder: Path, end: str, *options: str) -> str:
    """Of a run with the hooks of this suite and tests of its own."""
    (folder / 'test_three.py').write_text(THREE)
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith('PYTEST')} | {END: end}
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'conftest', '-p', 'no:cacheprovider', '-rs',
         '--rootdir', folder, '-o', 'markers=slow', *options, folder], cwd=folder, text=True,
        capture_output=True, env=environment | {'PYTHONPATH': os.pathsep.join(
            [str(TESTS), str(TESTS / 'support'), *sys.path])})
    return done.stdout + done.stderr


def test_late_slow_tests_are_skipped_and_say_so(tmp_path):
    late = closing_line(tmp_path, str(time.time() - 5), '-n', '2', '--dist', 'loadgroup')
    assert re.search(r'1 passed, 4 skipped', late), late
    assert f'({END}); make test-slow runs all' in late


def test_in_time_all_run(tmp_path):
    in_time = closing_line(tmp_path, str(time.time() + 600))
    assert re.search(r'5 passed', in_time) and 'skipped' not in in_time


def test_an_end_that_no_time_comes_after_is_none(monkeypatch):
    monkeypatch.setenv(END, 'nan')
    with pytest.raises(pytest.UsageError, match="is 'nan', not a Unix time"):
        end_of_run()


def test_an_end_that_is_no_time_is_told(tmp_path):
    said = closing_line(tmp_path, 'noon')
    assert f"{END} is 'noon', not a Unix time in seconds" in said and ' passed' not in said


def test_a_file_goes_to_one_process_or_in_groups():
    assert group_of('docs/test_docs.py', 5) == 'docs/test_docs.py'
    for file, groups in GROUPS.items():
        assert (TESTS / file).is_file()
        assert len({group_of(file, number) for number in range(100)}) == groups


def test_benchmarks_come_last():
    assert comes_last('benchmarks/test_growth.py') and not comes_last('docs/test_pages.py')
    assert all((TESTS / folder).is_dir() for folder in LAST)


def test_ci_sets_the_end():
    lines = (ROOT / '.ci/run').read_text()
    minutes = re.search(rf'{END}=\$\(\(\$\(date \+%s\) \+ 60 \* (\d+)\)\)', lines)
    assert minutes and int(minutes[1]) <= 75
