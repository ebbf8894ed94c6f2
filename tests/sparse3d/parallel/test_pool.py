import io
import os

import pytest

from sparse3d.errors import DataError
from sparse3d.parallel.pool import run_parallel
from sparse3d.parallel.progress import Progress


def _square(number):
    if number == 3:
        raise DataError('three is damaged')
    if number == 100:
        raise KeyError('a mistake in the program')
    if number == 200:
        os._exit(1)
    return number * number


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_results_in_order_with_errors_in_their_place(workers):
    results = list(run_parallel(_square, list(range(40)), workers, 'numbers'))
    assert str(results[3]) == 'three is damaged' and isinstance(results[3], DataError)
    results[3] = 9
    assert results == [number * number for number in range(40)]


@pytest.mark.parametrize('workers', [1, 2])
def test_mistakes_of_the_program_are_not_hidden(workers):
    with pytest.raises(KeyError):
        list(run_parallel(_square, [1, 100], workers, 'numbers'))


def test_a_killed_worker_is_reported():
    with pytest.raises(DataError, match='worker process was killed'):
        list(run_parallel(_square, [1, 200, 2], 2, 'numbers'))


def test_nothing_to_do():
    assert list(run_parallel(_square, [], 4, 'numbers')) == []


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
