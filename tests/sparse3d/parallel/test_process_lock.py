from __future__ import annotations

import copy
import os
import pickle
import threading

from sparse3d.parallel.process_lock import ProcessLock


def test_one_thread_at_a_time():
    lock, order = ProcessLock(), []

    def enter():
        with lock:
            order.append('other')

    with lock:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join(0.05)
        order.append('first')
    thread.join(10)
    assert order == ['first', 'other']


def test_copies_are_free():
    lock = ProcessLock()
    with lock:
        for other in (copy.deepcopy(lock), pickle.loads(pickle.dumps(lock))):
            assert other is not lock and not other._lock.locked()


def test_a_forked_child_finds_it_free():
    lock = ProcessLock()
    with lock:
        child = os.fork()
        if child == 0:
            os._exit(lock._lock.locked())
    assert os.waitpid(child, 0)[1] == 0
    with lock:
        pass
