"""A lock that is free in whatever is made of its owner: a copy, a pickle, a forked child."""
from __future__ import annotations

import os
import threading
import weakref


class ProcessLock:
    """Keeps threads of one process apart; ``with lock:``.

    A ``threading.Lock`` that some thread holds at the moment of a fork stays held in the child
    for ever, and none can be copied or sent to another process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        if self._lock.locked():  # not in a child that was forked within the block
            self._lock.release()

    def __reduce__(self) -> tuple[type[ProcessLock], tuple[()]]:
        return type(self), ()


_locks: weakref.WeakSet[ProcessLock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in _locks:
        lock._lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)
