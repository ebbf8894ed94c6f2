"""What --executor says, and the options that go with it."""
from __future__ import annotations

import argparse
import sys

import pytest

from sparse3d.errors import BackendUnavailable
from sparse3d.parallel.executors import Cluster, add_executor, parse_executor
from sparse3d.parallel.pool import run_parallel


def test_processes_here_or_a_cluster():
    assert parse_executor('local:3') == 3
    assert parse_executor('dask:tcp://10.0.0.1:8786') == Cluster('dask', 'tcp://10.0.0.1:8786')
    assert str(parse_executor('slurm:gpu')) == 'slurm:gpu'


@pytest.mark.parametrize('text, sentence', [
    ('spark:there', 'is none of local:N, dask:ADDRESS, slurm:PARTITION'),
    ('dask:', 'is none of'), ('dask', 'is none of'),
    ('local:0', 'names no number of processes'), ('local:all', 'names no number')])
def test_anything_else_is_refused(text, sentence, capsys):
    parser = argparse.ArgumentParser()
    add_executor(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--executor', text])
    assert sentence in capsys.readouterr().err


def test_an_executor_takes_the_place_of_the_number_of_workers():
    parser = argparse.ArgumentParser()
    add_executor(parser, workers=5)
    assert parser.parse_args([]).workers == 5
    assert parser.parse_args(['--workers', '2']).workers == 2
    assert parser.parse_args(['--executor', 'local:4']).workers == 4
    parsed = parser.parse_args(['--executor', 'slurm:gpu', '--retry-failed'])
    assert parsed.workers == Cluster('slurm', 'gpu') and parsed.retry_failed


@pytest.mark.parametrize('kind, package', [('dask', 'distributed'), ('slurm', 'submitit')])
def test_a_package_that_is_absent_is_named_with_its_extra(kind, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackendUnavailable, match=rf'needs the package {package}.*'
                                                 rf"pip install 'sparse3d-perception\[{kind}\]'"):
        list(run_parallel(abs, [1, 2], Cluster(kind, 'there'), 'numbers'))
