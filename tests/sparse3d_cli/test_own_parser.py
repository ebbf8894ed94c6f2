"""A data set whose arguments cannot be imported disturbs the command line of no other."""
from __future__ import annotations

import pytest

import sparse3d_cli
from sparse3d.plugins import DATA_SET_GROUP

BROKEN = """
from sparse3d.plugins import DataSet
data_set = DataSet(name='zz_broken', summary='broken', arguments='zz_gone:arguments',
                   prepare='zz_gone:prepare', simulate='zz_gone:simulate',
                   simulate_arguments='zz_raising:arguments')
"""
BARE = """
from sparse3d.plugins import DataSet
data_set = DataSet(name='zz_bare', prepare='zz_bare:prepare')
def prepare(arguments):
    return 'prepared without arguments'
"""
WITH_OPTIONS = """
from sparse3d.plugins import DataSet
data_set = DataSet(name='zz_named', arguments='zz_named:arguments', prepare='zz_named:prepare')
def arguments(parser):
    parser.add_argument('--run', default='nothing')
    parser.add_argument('--prepare', default='nothing')
def prepare(arguments):
    return f'run {arguments.run}, prepare {arguments.prepare}'
"""


@pytest.fixture
def broken(distributions, tmp_path):
    distributions('zz-broken', 'zz_broken', BROKEN, DATA_SET_GROUP, 'zz_broken')
    (tmp_path / 'zz_raising.py').write_text('raise RuntimeError("no licence")\n')


def test_the_others_have_their_help(broken, capsys):
    for verb in ('create-data', 'simulate'):
        with pytest.raises(SystemExit) as ended:
            sparse3d_cli.main([verb, 'kitti', '--help'])
        assert ended.value.code == 0
        assert f'usage: sparse3d {verb} kitti' in capsys.readouterr().out


def test_its_own_use_is_one_sentence(broken, capsys):
    assert sparse3d_cli.main(['create-data', 'zz_broken', 'x']) == 2
    assert "error: zz_gone:arguments cannot be loaded: ModuleNotFoundError: No module named" in (
        capsys.readouterr().err)
    assert sparse3d_cli.main(['simulate', 'zz_broken', 'x']) == 2
    assert 'zz_raising:arguments cannot be loaded: RuntimeError: no licence' in (
        capsys.readouterr().err)


def test_two_of_one_name_are_one_sentence_with_both(distributions, capsys):
    for number in ('one', 'two'):
        distributions(f'zz-{number}', f'zz_{number}', BARE, DATA_SET_GROUP, f'zz_{number}')
    assert sparse3d_cli.main(['create-data', 'zz_bare']) == 2
    assert 'zz-one 1.0 and zz-two 1.0 both bring a data set called zz_bare' in (
        capsys.readouterr().err)


def test_a_data_set_may_have_no_arguments_or_any(distributions, capsys):
    distributions('zz-bare', 'zz_bare', BARE, DATA_SET_GROUP, 'zz_bare')
    distributions('zz-named', 'zz_named', WITH_OPTIONS, DATA_SET_GROUP, 'zz_named')
    assert sparse3d_cli.main(['create-data', 'zz_bare']) == 0
    assert sparse3d_cli.main(['create-data', 'zz_named', '--run', 'fast']) == 0
    assert capsys.readouterr().out.splitlines() == [
        'prepared without arguments', 'run fast, prepare nothing']
