"""Tables that come from results and nowhere else."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparse3d.engine.result_tables import fill_tables
from sparse3d.errors import DataError

ROOT = Path(__file__).resolve().parents[3]
TEXT = 'before\n<!-- table: a.json{} -->\nold\n<!-- end of table -->\nafter\n'


def write(folder: Path, content: dict) -> Path:
    (folder / 'a.json').write_text(json.dumps(content))
    return folder


def test_scores_become_rows_and_nothing_else_changes(tmp_path):
    runs = [dict(name='plain', metrics={'k/AP': 61.234}), dict(name='focal', metrics={'k/AP': 7})]
    text = fill_tables(TEXT.format(' | k/AP'), write(tmp_path, dict(runs=runs)))
    assert text == ('before\n<!-- table: a.json | k/AP -->\n|  | AP |\n| --- | --: |\n'
                    '| plain | 61.23 |\n| focal | 7.00 |\n<!-- end of table -->\nafter\n')
    assert fill_tables(text, tmp_path) == text


def test_seeds_become_one_row_with_their_spread(tmp_path):
    runs = [dict(name='plain', metrics={'a/NDS': 0.25, 'cost/voxels_1': 900}),
            dict(name='plain', metrics={'a/NDS': 0.35, 'cost/voxels_1': 1100}),
            dict(name='cameras', metrics={'a/NDS': 0.5})]
    text = fill_tables(TEXT.format(' | a/NDS as score | cost/voxels_1'),
                       write(tmp_path, dict(runs=runs)))
    assert '|  | score | voxels 1 |\n' in text
    assert '| plain | 0.300 ± 0.071 | 1,000 ± 141 |\n| cameras | 0.500 |  |\n' in text


def test_benchmark_rows_name_the_machine(tmp_path):
    row = dict(name='x', value=7.04, unit='ms', baseline=226.0, ratio=32.1)
    alone = dict(name='y', value=2500.0, unit='ms', baseline=None, ratio=None)
    text = fill_tables(TEXT.format(''), write(tmp_path, dict(
        rows=[row, alone], device='CPU', threads=2, torch='2.13')))
    assert '| x | 7.04 ms | 226 ms | 32x |' in text and '| y | 2,500 ms |  |  |' in text
    assert 'CPU, 2 threads, torch 2.13' in text


def test_lines_of_profiles_stand_side_by_side(tmp_path):
    rows = [dict(name='forward', lines=[['aten::mm', 0.514], ['aten::relu', 0.09]]),
            dict(name='with backward', lines=[['Convolution', 0.6], ['aten::mm', 0.2]]),
            dict(name='not profiled', lines=[])]
    text = fill_tables('<!-- lines: a.json -->\nold\n<!-- end of table -->\n',
                       write(tmp_path, dict(rows=rows)))
    assert text == ('<!-- lines: a.json -->\n| forward | with backward |\n| --- | --: |\n'
                    '| `aten::mm` 51 % | `Convolution` 60 % |\n'
                    '| `aten::relu` 9 % | `aten::mm` 20 % |\n<!-- end of table -->\n')


def test_a_missing_file_or_key_is_named(tmp_path):
    with pytest.raises(DataError, match='a.json'):
        fill_tables(TEXT.format(''), tmp_path)
    with pytest.raises(DataError, match='k/AP'):
        fill_tables(TEXT.format(' | k/AP'), write(tmp_path, dict(
            runs=[dict(name='x', metrics={})])))


@pytest.mark.parametrize('content', [[], {'runs': [1]}, {'runs': 3}, {'runs': {'name': 1}}])
def test_a_file_of_another_kind_is_named(tmp_path, content):
    with pytest.raises(DataError, match='no table from .*a.json'):
        fill_tables(TEXT.format(' | k/AP'), write(tmp_path, content))


@pytest.mark.parametrize(
    'path', [ROOT / 'README.md', *sorted(ROOT.glob('projects/*/README.md'))],
    ids=lambda path: str(path.relative_to(ROOT)))
def test_a_readme_shows_the_stored_results(path):
    text = path.read_text()
    assert fill_tables(text, ROOT / 'results') == text
