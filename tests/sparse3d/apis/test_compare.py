"""Comparisons over seeds: what is run, what is kept, what is refused."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparse3d.apis import compare as module
from sparse3d.apis.compare import Plan, Row, compare
from sparse3d.errors import ConfigError, DataError

CONFIG = """
model = dict(type='Nothing')
train_cfg = dict(by_epoch=True, max_epochs=3)
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / 'small.py'
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture
def started(monkeypatch) -> list[tuple[str, ...]]:
    """Tools that would have been started; a test writes the number of its start as a score."""
    calls = []

    def run_verb(plan, folder, verb, *arguments, options=()):
        calls.append((verb, *arguments))
        if verb == 'train':
            (folder / 'epoch_3.pth').write_bytes(b'')
        else:
            Path(arguments[arguments.index('--out') + 1]).write_text(
                json.dumps({'metrics': {'AP': len(calls)}}))

    monkeypatch.setattr(module, '_run_verb', run_verb)
    return calls


def plan_of(tmp_path: Path, rows: list[Row], **changes) -> Plan:
    return Plan(rows, [0, 1], tmp_path / 'out.json', tmp_path / 'work', **changes)


def test_rows_are_read_from_the_command_line(config):
    assert Row.parse(config) == Row('small', config)
    assert Row.parse(f'a b={config}') == Row('a b', config)
    assert Row.parse(f'lost={config}@a b') == Row('lost', config, 'a b')
    with pytest.raises(ConfigError, match='nowhere.py does not exist'):
        Row.parse('x=nowhere.py')


def test_every_row_and_seed_is_run_once_and_written(tmp_path, config, started):
    rows = [Row('a', config), Row('lost', config, 'a')]
    compare(plan_of(tmp_path, rows))
    runs = json.loads((tmp_path / 'out.json').read_text())['runs']
    assert [(run['name'], run['seed']) for run in runs] == [
        ('a', 0), ('a', 1), ('lost', 0), ('lost', 1)]
    assert [call[0] for call in started] == ['train', 'test', 'test'] * 2
    assert started[0][1:] == (config, '--seed', '0', '--work-dir',
                              str(tmp_path / 'work' / 'a_0'), '--resume')


def test_rows_may_take_the_part_of_first_weights_that_fits(tmp_path, config, started):
    compare(plan_of(tmp_path, [Row('a', config)], allow_partial=True))
    assert [call[-1] for call in started if call[0] == 'train'] == ['--allow-partial'] * 2
    assert not any('--allow-partial' in call for call in started if call[0] == 'test')
    with pytest.raises(DataError, match='made with --allow-partial'):
        compare(plan_of(tmp_path, [Row('a', config)]))
    assert json.loads((tmp_path / 'out.json').read_text())['allow_partial'] is True


def test_runs_that_the_file_has_are_kept(tmp_path, config, started):
    compare(plan_of(tmp_path, [Row('a', config)]))
    first = list(started)
    content = compare(plan_of(tmp_path, [Row('a', config), Row('b', config)]))
    assert [call[0] for call in started[len(first):]] == ['train', 'test'] * 2
    assert [run['name'] for run in content['runs']] == ['a', 'a', 'b', 'b']
    assert content['runs'][0]['metrics'] == {'AP': 2}  # the first test, not a later one


def test_runs_of_other_rows_and_seeds_stay_in_the_file(tmp_path, config, started):
    compare(plan_of(tmp_path, [Row('a', config), Row('b', config)]))
    content = compare(Plan([Row('b', config)], [2], tmp_path / 'out.json', tmp_path / 'work'))
    assert [(run['name'], run['seed']) for run in content['runs']] == [
        ('b', 0), ('b', 1), ('b', 2), ('a', 0), ('a', 1)]


def test_a_failed_training_is_named_and_the_others_are_kept(tmp_path, config, monkeypatch,
                                                            started):
    run_verb = module._run_verb

    def fail_for_seed_0(plan, folder, verb, *arguments, options=()):
        if folder.name == 'a_0':
            raise DataError('train failed; see the end of a.log')
        run_verb(plan, folder, verb, *arguments, options=options)

    monkeypatch.setattr(module, '_run_verb', fail_for_seed_0)
    with pytest.raises(DataError, match='a.log'):
        compare(plan_of(tmp_path, [Row('a', config)]))
    runs = json.loads((tmp_path / 'out.json').read_text())['runs']
    assert [run['seed'] for run in runs] == [1]


def test_a_real_verb_that_fails_names_its_log(tmp_path, config):
    with pytest.raises(DataError, match=r'train of .*small.py failed with code 2.*train.log'):
        compare(plan_of(tmp_path, [Row('a', config)]))


def test_what_could_only_fail_later_is_refused(tmp_path, config, started):
    with pytest.raises(ConfigError, match='different names: a'):
        compare(plan_of(tmp_path, [Row('a', config), Row('a', config)]))
    with pytest.raises(ConfigError, match='different names: a_0'):  # one would resume the other
        compare(plan_of(tmp_path, [Row('a', config), Row('A+', config)]))
    with pytest.raises(ConfigError, match="no key 'train_cfg.epochs'"):
        compare(plan_of(tmp_path, [Row('a', config)], options=('train_cfg.epochs=1', )))
    with pytest.raises(ConfigError, match="weights of 'z', which is not trained"):
        compare(plan_of(tmp_path, [Row('a', config), Row('b', config, 'z')]))
    compare(plan_of(tmp_path, [Row('a', config)]))
    with pytest.raises(DataError, match='made with the options'):
        compare(plan_of(tmp_path, [Row('a', config)], options=('train_cfg.max_epochs=1', )))
    (tmp_path / 'out.json').write_text('[]')
    with pytest.raises(DataError, match='not a file of this tool'):
        compare(plan_of(tmp_path, [Row('a', config)]))
