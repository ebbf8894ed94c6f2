"""Pieces of work over processes: order, errors, killed workers, Ctrl-C."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from sparse3d.errors import DataError
from sparse3d.parallel.pool import _leave_broken, run_jobs, run_parallel


def _square(number):
    if number == 3:
        raise DataError('three is damaged')
    if number == 100:
        raise KeyError('a mistake in the program')
    if number == 200:
        os._exit(1)
    return number * number


def _square_killed_once(folder, number):
    try:
        (folder / str(number)).touch(exist_ok=False)
    except FileExistsError:
        return number * number
    if number in (5, 17):
        os._exit(1)
    return number * number


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_results_in_order_with_errors_in_their_place(workers):
    results = list(run_parallel(_square, list(range(40)), workers, 'numbers'))
    assert str(results[3]) == 'three is damaged' and isinstance(results[3], DataError)
    results[3] = 9
    assert results == [number * number for number in range(40)]


@pytest.mark.skipif(sys.version_info < (3, 11), reason='notes came with Python 3.11')
@pytest.mark.parametrize('workers', [1, 2])
def test_mistakes_of_the_program_are_not_hidden_and_name_the_item(workers):
    with pytest.raises(KeyError) as raised:
        list(run_parallel(_square, [1, 100], workers, 'numbers'))
    assert raised.value.__notes__ == ['while working on 100']


def test_a_killed_worker_costs_its_piece_not_the_run(tmp_path, capsys):
    results = list(run_parallel(partial(_square_killed_once, tmp_path), range(40), 4, 'numbers'))
    assert results == [number * number for number in range(40)]
    assert 'numbers: a worker process was killed' in capsys.readouterr().err


def test_what_kills_its_worker_alone_too_has_failed_and_the_others_are_done(capsys):
    results = list(run_parallel(_square, [1, 200, 2], 2, 'numbers'))
    assert [results[0], results[2]] == [1, 4]
    assert 'numbers: the worker process was killed while it worked on 200' in str(results[1])
    with pytest.raises(DataError, match='killed while it worked on 200'):
        run_jobs(_square, [1, 200, 2], 2, title='numbers', total=5)
    assert 'numbers: 5/5' in capsys.readouterr().err


def test_a_broken_pool_is_not_waited_for_for_ever():
    pool, gate = ProcessPoolExecutor(1), threading.Event()
    manager = threading.Thread(target=gate.wait, daemon=True)  # as one that waits for a worker
    manager.start()
    stubborn = subprocess.Popen(['sleep', '600'])
    pool._executor_manager_thread, pool._processes = manager, {stubborn.pid: stubborn}
    begun = time.monotonic()
    _leave_broken(pool, .1)
    pool.shutdown()
    assert stubborn.wait(60) == -signal.SIGKILL  # or it would write beside its successor
    assert manager.is_alive() and time.monotonic() - begun < 5
    gate.set()
    pool._executor_manager_thread = manager
    _leave_broken(pool, 60)
    assert not manager.is_alive()


def test_nothing_to_do():
    assert list(run_parallel(_square, [], 4, 'numbers')) == []


@pytest.mark.parametrize('workers', [1, 2])
def test_jobs_count_what_they_finish_and_an_error_reaches_the_caller(workers, capsys):
    run_jobs(_square, [1, 2, 0], workers, title='squares', total=7, done=2)
    assert capsys.readouterr().err.startswith('squares: 7/7')
    with pytest.raises(DataError, match='three is damaged'):
        run_jobs(_square, list(range(6)), workers, title='squares', total=6, show_progress=False)


_INTERRUPTED = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
from sparse3d.parallel.pool import run_parallel

def work(number):
    (folder / f'begun{number}').touch()
    time.sleep(1)
    (folder / f'ended{number}').touch()

folder = Path(sys.argv[1])
list(run_parallel(work, range(20), 2, 'numbers'))
"""


@pytest.mark.skipif(os.name != 'posix', reason='signals of a terminal')
def test_ctrl_c_ends_the_run_after_the_pieces_under_way(tmp_path):
    process = subprocess.Popen([sys.executable, '-c', _INTERRUPTED, str(tmp_path)],
                               stderr=subprocess.PIPE, text=True, start_new_session=True)
    waited = time.monotonic()
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() - waited < 60:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
    errors = process.communicate(timeout=30)[1]
    begun, ended = (len(list(tmp_path.glob(f'{what}*'))) for what in ('begun', 'ended'))
    assert errors.rstrip().endswith('KeyboardInterrupt') and errors.count('Traceback') == 1
    assert begun == ended < 20
