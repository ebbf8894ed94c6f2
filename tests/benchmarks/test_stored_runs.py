"""Stored runs beside a new one: figures, ratios, what one side lacks, what is refused."""
from __future__ import annotations

import json

import pytest

from sparse3d.errors import DataError
from sparse3d_benchmarks.run import Row, beside, format_table
from sparse3d_benchmarks.stored_runs import StoredRow, StoredRuns


def run_file(path, date='2026-11-01', device='a processor, 2 cores', **values):
    rows = [dict(benchmark='fake', name=name, value=value, unit='ms', ratio=2.0)
            for name, value in values.items()]
    path.write_text(json.dumps(dict(rows=rows, device=device, threads=1, torch='2.13', commit='abc',
                                    date=date)))
    return path


def test_a_row_beside_its_stored_one(tmp_path):
    before = StoredRuns.read([run_file(tmp_path / 'a.json', thing=10.0, gone=1.0)])
    rows = [Row('fake', 'thing', 0.004, 's', 0.012, 3.0), Row('fake', 'new', 1.0, 'ms')]
    assert beside(rows, before) == [
        dict(before=10.0, unit_before='ms', ratio_before=2.0, times_before=pytest.approx(2.5),
             run_before=1),
        dict.fromkeys(('before', 'unit_before', 'ratio_before', 'times_before', 'run_before'))]
    table = format_table(rows, 1, before)
    line, = (line for line in table.splitlines() if 'thing' in line)
    assert line.split()[2:] == ['0.004', 's', '0.012', 's', '3.00x', '10', 'ms', '[1]', '2.50x',
                                '2.00x']
    assert f'[1] {tmp_path / "a.json"}: a processor, 2 cores; 1 threads; torch 2.13; commit abc' \
        in table
    assert '1 of 2 rows were measured before' in table
    assert '1 rows of before are not there now: fake: gone' in table
    assert 'stored runs are of another machine' in table
    assert 'before' not in format_table(rows, 1)


def test_a_folder_gives_its_runs_and_the_newest_counts(tmp_path):
    run_file(tmp_path / 'a.json', '2026-11-02', thing=3.0)
    run_file(tmp_path / 'b.json', '2026-11-01', thing=5.0, other=7.0)
    (tmp_path / 'c.json').write_text('{"runs": []}')  # of a training
    before = StoredRuns.read([tmp_path])
    assert before.rows['fake', 'thing', 0].value == 3.0
    assert before.rows['fake', 'other', 0].run == 1
    assert len(before.runs) == 2


def test_rows_of_one_name_meet_in_their_order(tmp_path):
    path = run_file(tmp_path / 'a.json', thing=1.0)
    content = json.loads(path.read_text())
    content['rows'].append(dict(content['rows'][0], value=8.0))
    path.write_text(json.dumps(content))
    rows = [Row('fake', 'thing', 2.0, 'ms'), Row('fake', 'thing', 4.0, 'ms')]
    assert [old['times_before'] for old in beside(rows, StoredRuns.read([path]))] == [0.5, 2.0]


@pytest.mark.parametrize(('stored', 'value', 'unit', 'times'), [
    (StoredRow(2.0, 'samples/s', None, 1), 6.0, 'samples/s', 3.0),
    (StoredRow(2.0, 'samples/s', None, 1), 6.0, 'ms', None),
    (StoredRow(1.0, 'GB', None, 1), 500.0, 'MB', 2.0),
    (StoredRow(1.0, 'GB', None, 1), 500.0, 'ms', None),
    (StoredRow(4.0, 'waits', None, 1), 2.0, 'waits', 2.0),
    (StoredRow(0.0, 'ms', None, 1), 2.0, 'ms', None)])
def test_more_of_a_rate_is_better_and_less_of_all_else(stored, value, unit, times):
    assert stored.times(value, unit) == times


def test_what_is_no_stored_run_is_refused(tmp_path):
    with pytest.raises(DataError, match=r'absent.json does not exist'):
        StoredRuns.read([tmp_path / 'absent.json'])
    (tmp_path / 'broken.json').write_text('{')
    with pytest.raises(DataError, match='broken.json cannot be read'):
        StoredRuns.read([tmp_path / 'broken.json'])
    (tmp_path / 'broken.json').write_text('{"rows": [{"name": "x"}]}')
    with pytest.raises(DataError, match='broken.json is no stored run'):
        StoredRuns.read([tmp_path / 'broken.json'])
    with pytest.raises(DataError, match='holds no stored run of benchmarks; write one'):
        StoredRuns.read([tmp_path])
