"""Something is printed while something long goes on."""
from __future__ import annotations

import io
import logging
import multiprocessing
import os
import re
import time

import pytest

from sparse3d.apis import train
from sparse3d.apis.command_line import run_command
from sparse3d.parallel.progress import Activity, Progress, heartbeat, said, silence


@pytest.fixture(autouse=True)
def _first_of_all(monkeypatch):
    for name in ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'):
        monkeypatch.delenv(name, raising=False)


def test_the_innermost_activity_is_repeated_in_silence(capsys):
    with heartbeat(interval=0.05), Activity('outside'):
        time.sleep(0.2)
        with Activity('inside'):
            time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == 'outside, 0:00 elapsed' and lines[-1] == 'inside, 0:00 elapsed'
    assert 3 <= len(lines) <= 10


def test_nothing_is_added_where_lines_are_printed_anyway(capsys):
    with heartbeat(interval=0.5):
        for _ in range(12):
            time.sleep(0.05)
            said()
    assert capsys.readouterr().err == ''


def test_what_cannot_be_told_just_now_is_told_by_the_one_outside(capsys):
    with heartbeat(interval=0.02), Activity('outside'), Activity(lambda: 1 / 0):
        time.sleep(0.1)
    assert set(capsys.readouterr().err.splitlines()) == {'outside, 0:00 elapsed'}


@pytest.mark.parametrize('name', ['RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK'])
def test_of_several_processes_the_first_one_speaks(monkeypatch, capsys, name):
    monkeypatch.setenv(name, '1')
    with heartbeat(interval=0.01):
        time.sleep(0.05)
    assert capsys.readouterr().err == ''


def test_a_piece_of_work_that_takes_long_is_told_by_its_progress():
    stream = io.StringIO()
    with heartbeat(interval=0.02):
        progress = Progress('work', 2, stream)
        time.sleep(0.1)
        progress.advance()
        time.sleep(0.1)
        progress.advance()
        whole = stream.getvalue()
        time.sleep(0.1)
    lines = stream.getvalue().splitlines()
    assert stream.getvalue() == whole  # finished work is told no more
    assert lines[0] == 'work: 0/2, 0:00 elapsed' and lines[-1].startswith('work: 2/2')
    assert any(line.startswith('work: 1/2, 0:00 elapsed, 0:00 left') for line in lines)


def test_a_log_gets_a_line_every_ten_seconds(monkeypatch):
    now = [100.0]
    monkeypatch.setattr('time.monotonic', lambda: now[0])
    stream = io.StringIO()
    progress = Progress('work', 1000, stream, done=200)
    for _ in range(800):
        now[0] += 0.125
        progress.advance()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0] == 'work: 280/1000, 0:10 elapsed, 1:30 left'
    assert lines[-1] == 'work: 1000/1000, 1:40 elapsed, 0:00 left'


def test_a_terminal_gets_one_line():
    class Terminal(io.StringIO):
        def isatty(self):
            return True
    stream = Terminal()
    progress = Progress('work', 3, stream)
    for _ in range(3):
        progress.advance()
    assert stream.getvalue().count('\n') == 1 and stream.getvalue().startswith('\r')


def test_every_command_line_has_it(monkeypatch, capsys):
    monkeypatch.setattr('sparse3d.apis.command_line.heartbeat', lambda: heartbeat(interval=0.02))
    assert run_command(lambda: time.sleep(0.1)) == 0
    assert 'working, 0:00 elapsed' in capsys.readouterr().err


def test_a_training_tells_where_it_is(tiny_config, tmp_path, capsys, monkeypatch):
    slow = 0.03
    from tiny_training import TinyDetector
    forward = TinyDetector.forward

    def slowly(self, *arguments, **options):
        time.sleep(slow)
        return forward(self, *arguments, **options)

    monkeypatch.setattr(TinyDetector, 'forward', slowly)
    with heartbeat(interval=0.01):
        train(tiny_config, tmp_path, epochs=1)
    said_lines = capsys.readouterr().err
    assert re.search(r'^epoch 1/1  [012]/2, 0:0\d elapsed$', said_lines, re.MULTILINE)
    assert re.search(r'^validation  [012]/2', said_lines, re.MULTILINE)


def test_a_line_of_the_log_counts():
    from sparse3d.engine.runner import _worth_showing
    with heartbeat(interval=5):
        time.sleep(0.05)
        assert silence() >= 0.05
        assert _worth_showing(logging.LogRecord('x', 20, 'f', 1, 'a line', (), None))
        assert silence() < 0.05


def _forked(_):
    return os.getpid()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork here')
def test_processes_are_forked_while_it_beats():
    with heartbeat(interval=0.001), Activity('work'):
        for _ in range(10):
            with multiprocessing.get_context('fork').Pool(2) as pool:
                assert len(pool.map(_forked, range(4), chunksize=1)) == 4
