"""Tuples within tuples as keys: Python hashes them by recursion in C, which no limit stops.

A hundred thousand of them, one byte of a pickle each, end the process. Files that may hold so
many are read with a stack that is large enough, and such keys are refused.
"""
from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

FEW = 20_000               # levels that fit on any stack
BYTES_A_LEVEL = 160        # twice what CPython 3.10 to 3.13 take
LARGEST_STACK = 1 << 30    # bytes of addresses, not of memory
MOST_LEVELS = 100          # of a key; plain data have one or two
Result = TypeVar('Result')
_starting = threading.Lock()


def with_room(levels: int, function: Callable[[], Result]) -> Result:
    """Call a function where ``levels`` tuples within tuples can be hashed."""
    if levels <= FEW:
        return function()
    outcome: list[Any] = []

    def call() -> None:
        try:
            outcome.extend((True, function()))
        except BaseException as error:
            outcome.extend((False, error))

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(call, ), daemon=True)
    with _starting:
        before = threading.stack_size(min((levels * BYTES_A_LEVEL + (16 << 20)) & -4096,
                                          LARGEST_STACK))
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    done, result = outcome
    if not done:
        raise result
    return result


def too_deep(key: Any) -> bool:
    """Whether a key has more than ``MOST_LEVELS`` tuples within tuples."""
    level = {id(key): key} if type(key) is tuple else {}
    for _ in range(MOST_LEVELS):
        level = {id(item): item for part in level.values() for item in part
                 if type(item) is tuple}
        if not level:
            return False
    return True
