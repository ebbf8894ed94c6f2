"""Failures of a run: said at once, kept by name with their reason, asked for by --retry-failed."""
from __future__ import annotations

import json

import pytest

from sparse3d.errors import DataError
from sparse3d.parallel.failures import Failures, failed_before, say_retried
from sparse3d.parallel.pool import run_jobs


def test_the_reasons_are_kept_until_a_run_goes_well(tmp_path, capsys):
    failures = Failures(tmp_path, 'scene', '--skip leaves such scenes out')
    failures.add('a', DataError('cloud 7 is cut short'))
    failures.add('b', DataError('b is empty'))
    failures.close(5)
    assert 'failed: scene a: cloud 7 is cut short' in capsys.readouterr().err
    assert json.loads((tmp_path / '.failed_pieces').read_text()) == {
        'pieces': 5, 'failed': {'a': 'cloud 7 is cut short', 'b': 'b is empty'}}
    with pytest.raises(DataError, match=r'cloud 7 is cut short \(scene a; --skip leaves such '
                                        r'scenes out\); 2 of 5 failed, each with its reason in'):
        failures.refuse()
    say_retried(tmp_path)
    assert '2 failed in the last run, done once more: a, b' in capsys.readouterr().err

    Failures(tmp_path).close(5)
    with pytest.raises(DataError, match='there is nothing to retry'):
        failed_before(tmp_path)


def test_parts_of_a_work_keep_files_of_their_own(tmp_path):
    for part in ('.part-1-of-2', '.part-2-of-2'):
        failures = Failures(tmp_path, part=part)
        failures.add(part, DataError('damaged'))
        failures.close(1)
    Failures(tmp_path, part='.part-1-of-2').close(1)
    assert list(failed_before(tmp_path, '.part-2-of-2')) == ['.part-2-of-2']


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / '.failed_pieces').write_text('{"pieces"')
    with pytest.raises(DataError, match='.failed_pieces is damaged'):
        failed_before(tmp_path)


def _halved(number: int) -> int:
    if number % 2:
        raise DataError(f'{number} is odd')
    return number // 2


@pytest.mark.parametrize('workers', [1, 2])
def test_jobs_that_fail_do_not_end_the_others(tmp_path, workers, capsys):
    with pytest.raises(DataError, match='[35] is odd; 2 of 4 failed'):
        run_jobs(_halved, [2, 3, 4, 5], workers, title='halves', total=4,
                 failures=Failures(tmp_path, 'number'))
    assert set(failed_before(tmp_path)) == {'3', '5'}
    assert 'failed: number 3: 3 is odd' in capsys.readouterr().err
