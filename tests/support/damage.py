"""Files damaged on purpose, and what reading them does, in a process of its own.

A reader may give content or raise a ``Sparse3DError`` of one line that names the file. Anything
else is a fault: another exception, a dead process, a file that takes longer than ``SECONDS``, or
more than ``MEMORY`` bytes beyond what the process held before.
"""
from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SECONDS = 10            # for one file
MEMORY = 256 << 20      # bytes that stay in memory at once
ADDRESSES = 2 << 30     # bytes asked for at once
HEAD = 300              # bytes in which half of the damage lies


@dataclass(frozen=True)
class DamagedCase:
    """One format of files.

    Attributes:
        name: of the file, with its suffix.
        content: of the whole file.
        read: reads the file at a path.
        same: whether two results are equal.
        plausible: whether what a damaged file gave could be the content of a file.
        checksum: whether every change has to be noticed.
        whole_at: lengths at which a truncated file is a whole one: ends of records.
        contradictions: contents whose header contradicts itself, the length or the types.
        pack: makes the file of the bytes that are damaged; for what lies inside checksums.
    """

    name: str
    content: bytes
    read: Callable[[Path], Any]
    same: Callable[[Any, Any], bool]
    plausible: Callable[[Any], bool] = lambda result: True
    checksum: bool = False
    whole_at: Callable[[int], bool] = lambda size: False
    contradictions: tuple[bytes, ...] = field(default=())
    pack: Callable[[bytes], bytes] = bytes


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """One to three changes: a bit, a byte, a piece removed, doubled, replaced; a cut; a count.

    Half of them lie in the first ``HEAD`` bytes.
    """
    content = bytearray(content)
    for _ in range(random.integers(1, 4)):
        place = int(random.integers(min(len(content), HEAD) if random.random() < 0.5
                                    else len(content)))
        length = int(random.integers(1, 20))
        kind = random.integers(8)
        if kind == 0:
            content[place] ^= 1 << int(random.integers(8))
        elif kind == 1:
            content[place] = int(random.choice([0, 9, 32, 45, 48, 57, 255]))
        elif kind == 2:
            del content[place:place + length]
        elif kind == 3:
            content[place:place] = content[place:place + length]
        elif kind == 4:
            content[place:place + length] = bytes(random.integers(0, 256, length, dtype=np.uint8))
        elif kind == 5:
            del content[place:]
        elif kind == 6:  # a huge number in binary
            size = int(random.choice([4, 8]))
            content[place:place + size] = int(random.choice(
                [1 << 31, (1 << 31) - 1, 1 << 24, (1 << 32) - 1])).to_bytes(size, 'little')
        else:            # a huge number in text
            content[place:place + 1] = str(random.choice(
                [10 ** 9, 10 ** 18, 10 ** 30])).encode()
        content = content or bytearray(b'?')
    return bytes(content)


def truncations(size: int, count: int) -> Iterator[int]:
    """Up to ``count`` shorter lengths: the ends, and what lies between."""
    ends = {*range(min(count // 4, size)), *range(max(size - count // 4, 0), size)}
    between = {int(place) for place in np.linspace(0, size - 1, count // 2)} if size else set()
    return iter(sorted(ends | between))


def read_damaged(case: DamagedCase, path: Path, files: int) -> dict[str, int]:
    """Read damaged versions in a child process: counts of ``refused``, ``same`` and ``other``.

    Raises:
        AssertionError: naming the version that broke the rules.
    """
    context = multiprocessing.get_context('fork')
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_in_child, args=(case, path, files, sender))
    child.start()
    sender.close()
    counts: dict[str, int] = {}
    number, fault = -1, None
    while fault is None:
        if not receiver.poll(SECONDS * 3):
            child.kill()
            fault = f'version {number + 1} hangs'
            break
        try:
            number, result = receiver.recv()
        except EOFError:
            break
        if isinstance(result, str) and result.startswith('fault'):
            fault = f'version {number}: {result}'
        elif result != 'next':
            counts = result
            break
    child.join()
    if fault is None and not counts:
        fault = f'the process died (status {child.exitcode}) at version {number}'
    assert fault is None, f'{case.name}: {fault}'
    return counts


def version(case: DamagedCase, number: int) -> bytes:
    """The damaged content of a number; the same on every machine."""
    seed = [number, *case.name.encode()]
    return case.pack(damaged(case.content, np.random.default_rng(seed)))


def _in_child(case: DamagedCase, path: Path, files: int, sender: Any) -> None:
    signal.signal(signal.SIGALRM, _too_long)
    path.write_bytes(case.pack(case.content))
    whole = case.read(path)
    counts = dict(refused=0, same=0, other=0)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    pages = int(Path('/proc/self/statm').read_text().split()[0]) * os.sysconf('SC_PAGE_SIZE')
    resource.setrlimit(resource.RLIMIT_AS, (pages + ADDRESSES, resource.RLIM_INFINITY))
    for number in range(files):
        if number % 100 == 0:
            sender.send((number, 'next'))
        path.write_bytes(version(case, number))
        signal.alarm(SECONDS)
        outcome = _outcome(case, path, whole)
        signal.alarm(0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - held
        if outcome not in counts:
            sender.send((number, f'fault: {outcome}'))
        elif grown > MEMORY:
            sender.send((number, f'fault: {grown >> 20} MiB were held for '
                                 f'{path.stat().st_size} bytes'))
        else:
            counts[outcome] += 1
    sender.send((files, counts))
    sender.close()
    os._exit(0)


def _outcome(case: DamagedCase, path: Path, whole: Any) -> str:
    from sparse3d.errors import Sparse3DError
    try:
        result = case.read(path)
    except Sparse3DError as error:
        named = path.name in str(error) and '\n' not in str(error)
        return 'refused' if named else f'not one line with the name: {error}'
    except BaseException as error:
        return f'{type(error).__name__}: {error}\n{traceback.format_exc(limit=-3)}'
    if case.same(result, whole):
        return 'same'
    if case.checksum:
        return 'a change went unnoticed'
    return 'other' if case.plausible(result) else f'garbage: {str(result)[:300]}'


def _too_long(*_: Any) -> None:
    raise TimeoutError(f'it takes more than {SECONDS} s')
