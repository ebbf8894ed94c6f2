"""One line for each way, one column for each figure."""
from __future__ import annotations

import json

import pytest

from sparse3d.engine.pivot_tables import fill_pivot_tables
from sparse3d.errors import DataError

TEXT = 'before\n<!-- pivot: a.json | A, graph -->\nold\n<!-- end of table -->\nafter\n'


def test_rows_become_lines_and_figures_columns(tmp_path):
    rows = [dict(name='A, graph, slow: latency', value=20.04, unit='ms'),
            dict(name='A, graph, slow: memory', value=1234.0, unit='MiB'),
            dict(name='A, graph, quick, int8: latency', value=2.0, unit='ms'),
            dict(name='A, graph, quick, int8: apart', value=0.00123, unit=''),
            dict(name='A, graph of others, quick: latency', value=9.0, unit='ms')]
    (tmp_path / 'a.json').write_text(json.dumps(dict(
        rows=rows, device='a machine', threads=1, torch='2', commit='abc')))
    text = fill_pivot_tables(TEXT, tmp_path)
    assert text == (
        'before\n<!-- pivot: a.json | A, graph -->\n'
        '|  | latency | memory | apart |\n| --- | --: | --: | --: |\n'
        '| slow | 20 ms | 1,234 MiB |  |\n| quick, int8 | 2 ms |  | 1.2e-03 |\n\n'
        '(a machine, 1 threads, torch 2, commit abc)\n<!-- end of table -->\nafter\n')
    assert fill_pivot_tables(text, tmp_path) == text


@pytest.mark.parametrize('content', ['', '{}', '{"rows": []}',
                                     '{"rows": [{"name": "A, graph, x"}]}'])
def test_a_file_without_such_rows_is_named(content, tmp_path):
    (tmp_path / 'a.json').write_text(content)
    with pytest.raises(DataError, match=r'no table from .*a\.json'):
        fill_pivot_tables(TEXT, tmp_path)
