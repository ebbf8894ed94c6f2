from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from sparse3d.errors import ConfigError, PluginError
from sparse3d_benchmarks import names
from sparse3d_benchmarks import run as module


@pytest.fixture
def fake(monkeypatch):
    def run(threads, repeats):
        assert torch.get_num_threads() == threads
        return [dict(name='thing', value=2.0, unit='ms', baseline=10.0, ratio=5.0, note='old code'),
                dict(name='other', value=12345.0, unit='frames')]

    monkeypatch.setitem(sys.modules, 'fake_benchmark', SimpleNamespace(
        run=run, __spec__=SimpleNamespace()))
    for place in (module, names):
        monkeypatch.setattr(place, 'offers', lambda kind: {
            'fake': 'fake_benchmark:run', f'of_{kind}': 'no.such.module:run'})


def test_runs_with_the_threads_asked_for_and_prints_a_table(fake):
    rows = module.benchmark(['fake'], threads=1, repeats=1)
    assert [row.name for row in rows] == ['thing', 'other'] and rows[0].benchmark == 'fake'
    table = module.format_table(rows, threads=1)
    assert '1 threads; torch' in table and '5.00x' in table and '12,345 frames' in table
    assert len({line.index('thing' if 'thing' in line else 'other')
                for line in table.splitlines() if 'fake' in line}) == 1


@pytest.mark.parametrize('numbers', [dict(threads=0, repeats=1), dict(threads=1, repeats=0)])
def test_nothing_is_measured_by_no_thread_or_no_call(fake, numbers):
    with pytest.raises(ConfigError, match='is 0; benchmarks need at least 1'):
        module.benchmark(['fake'], on_error=lambda *_: None, **numbers)


def test_rows_beside_the_original_are_told_from_settings_of_ours(fake):
    rows = module.benchmark(['fake'], threads=1, repeats=1)
    assert [row.original for row in rows] == [True, False]
    own = module.Row.of('fake', dict(name='half', value=1.0, unit='ms', baseline=2.0, ratio=2.0,
                                     original=False))
    assert not own.original
    slow = module.Row.of('fake', dict(name='slow', value=1.0, unit='ms', baseline=1.2, ratio=1.2))
    assert module.told_ratios([rows[0], slow]) == (
        "2 rows beside the original's way, 1 of them at least 1.5 times; below: fake: slow 1.20x")
    assert module.told_ratios(rows[:1]).endswith('1 of them at least 1.5 times')


def test_one_that_fails_does_not_lose_the_others(fake):
    failed = {}
    rows = module.benchmark(['of_benchmarks', 'fake'], 1, 1, failed.__setitem__)
    assert [row.name for row in rows] == ['thing', 'other']
    assert set(failed) == {'of_benchmarks'} and isinstance(failed['of_benchmarks'], PluginError)


def test_registers_the_plug_in_whose_benchmark_it_is(fake, monkeypatch):
    owner = SimpleNamespace(name='mine', modules=['fake_register'])
    monkeypatch.setattr(module, 'owner_of', lambda kind, name: owner)
    with pytest.raises(PluginError, match='mine cannot be imported: No module'):
        module.benchmark(['fake'], threads=1, repeats=1)
    monkeypatch.setitem(sys.modules, 'fake_register', SimpleNamespace())
    assert len(module.benchmark(['fake'], threads=1, repeats=1)) == 2


def test_unknown_and_absent_names(fake):
    with pytest.raises(ConfigError, match="'fale'; did you mean 'fake'"):
        module.benchmark(['fale'])
    with pytest.raises(PluginError, match='no.such.module:run cannot be loaded'):
        module.benchmark(['of_benchmarks'])
    assert module.chosen(['all']) == ['fake', 'of_benchmarks']
