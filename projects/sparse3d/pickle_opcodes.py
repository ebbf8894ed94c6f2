"""A look over the instructions of a pickle before Python carries them out.

Python's unpickler makes room for whatever number a ``LONG_BINPUT`` names, 32 GB for a pickle of
ten bytes, and for whatever length a text claims. Here such numbers are compared with the size
of the file, and instructions that make objects of classes are refused. Nothing is built.
"""
from __future__ import annotations

import pickletools
import re
from functools import lru_cache

from sparse3d.errors import Sparse3DError

ALONE = b'N\x88\x89]ael)t\x85\x86\x87}dsu\x8f\x90\x91021(\x94\x93Rb'  # without an argument
TUPLES = (b't', b'\x85', b'\x86', b'\x87')
LENGTH_BYTES = {**dict.fromkeys(b'U\x8cC\x8a', 1), **dict.fromkeys(b'TXB\x8b', 4),
                **dict.fromkeys(b'\x8d\x8e\x96', 8)}
LINES = {**dict.fromkeys(b'ILFSVgp', 1), ord('c'): 2}
FRAME, PUT, LONG_BINPUT, STOP = 0x95, ord('p'), ord('r'), ord('.')
NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}


class DamagedPickle(Sparse3DError):
    """Bytes that are no pickle, or one that was cut short."""


def check_opcodes(content: bytes) -> int:
    """Refuse a pickle whose instructions want more than its bytes can hold.

    Returns:
        How many tuples it makes at most.

    Raises:
        DamagedPickle: if it ends early, or has an instruction that plain data never need.
    """
    skip = _fixed_instructions(len(content)).match
    place, end, tuples = 0, len(content), 0
    while True:
        if match := skip(content, place):
            tuples += sum(content.count(code, place, match.end()) for code in TUPLES)
            place = match.end()
            continue
        if place >= end:
            raise DamagedPickle('it ends early')
        code = content[place]
        if code == STOP:
            return tuples
        place = _after(content, place, code)


@lru_cache
def _fixed_instructions(size: int) -> re.Pattern[bytes]:
    """A run of instructions of a fixed length; places in memory only up to about ``size``."""
    top = max(size >> 8, 1)
    if top < 1 << 8:      # the two low bytes are free, the third counts
        put = rb'r..\x00\x00'
    elif top < 1 << 16:
        put = rb'r..[\x00-' + re.escape(bytes([top >> 8])) + rb']\x00'
    else:
        put = rb'r...[\x00-' + re.escape(bytes([min(top >> 16, 255)])) + rb']'
    alone = b'[' + re.escape(ALONE) + b']'
    return re.compile(rb'(?:' + alone + rb'|[Khq\x80].|M..|[Jj]....|G.{8}|' + put + rb'){1,400}',
                      re.DOTALL)


def _after(content: bytes, place: int, code: int) -> int:
    """Where the instruction ends whose length has to be read."""
    if code in LENGTH_BYTES:
        start = place + 1 + LENGTH_BYTES[code]
        after = start + int.from_bytes(content[place + 1:start], 'little')
    elif code in LINES:
        after = place + 1
        for _ in range(LINES[code]):
            after = content.find(b'\n', after) + 1
            if not after:
                raise DamagedPickle('it ends early')
        if code == PUT and int(content[place + 1:after]) > len(content):
            raise DamagedPickle('it counts more values than it holds')
    elif code == FRAME:
        after = place + 9
    elif code == LONG_BINPUT:  # the others were skipped
        raise DamagedPickle('it counts more values than it holds')
    else:
        raise DamagedPickle(f'the instruction {NAMES.get(code, hex(code))} has no place in a '
                            'file of plain data')
    if after > len(content):
        raise DamagedPickle('it ends early')
    return after
