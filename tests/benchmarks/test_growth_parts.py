"""A run of growth that goes on where it was cut."""
from __future__ import annotations

import json

import pytest

from sparse3d.errors import ConfigError, DataError
from sparse3d_benchmarks import growth
from sparse3d_benchmarks.growth_parts import main, measure_missing, stored_rows


@pytest.fixture
def measured(monkeypatch):
    """Names of the models that were measured; the third one cuts the run."""
    names = []

    def rows_of_model(name, repeats):
        names.append(name)
        if name == 'third' and names.count(name) == 1:
            raise KeyboardInterrupt
        return [dict(name=f'{name}, points: exponent of prediction', value=1.0, unit=''),
                dict(name=f'{name}: memory of a training step', value=3.0, unit='MiB')]

    monkeypatch.setattr(growth, 'model_names', lambda: ('first', 'second', 'third'))
    monkeypatch.setattr(growth, 'rows_of_model', rows_of_model)
    return names


def test_a_run_goes_on_where_it_was_cut(measured, tmp_path):
    out = tmp_path / 'growth.json'
    with pytest.raises(KeyboardInterrupt):
        measure_missing(out, None, 1, 'command')
    assert len(stored_rows(out)) == 4
    assert measure_missing(out, None, 1, 'command') == ['third']
    assert measured == ['first', 'second', 'third', 'third'] and len(stored_rows(out)) == 6
    content = json.loads(out.read_text())
    assert content['command'] == 'command' and content['threads'] == 1 and content['device']
    assert {row['benchmark'] for row in content['rows']} == {'growth'}


def test_models_are_chosen_by_name(measured, tmp_path):
    with pytest.raises(SystemExit) as ended:
        main(['--out', str(tmp_path / 'growth.json'), '--models', 'second'])
    assert not ended.value.code and measured == ['second']
    with pytest.raises(ConfigError, match='no model fourth; it has first, second, third'):
        measure_missing(tmp_path / 'growth.json', ['fourth'], 1, '')


def test_another_file_is_not_written_over(measured, tmp_path):
    out = tmp_path / 'data.json'
    for rows in ([dict(benchmark='data', name='x')], [dict(benchmark='growth')], ['growth']):
        out.write_text(json.dumps(dict(rows=rows)))
        with pytest.raises(DataError, match='is no stored run of the benchmark growth'):
            measure_missing(out, None, 1, '')
    assert not measured
