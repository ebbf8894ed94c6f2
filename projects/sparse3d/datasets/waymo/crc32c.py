"""CRC-32C (Castagnoli) of large byte strings in numpy: the checksum of TFRecord files.

A checksum is linear over GF(2), so the text is cut into lanes of equal length that are
worked on in lockstep, and neighboring checksums are then joined two by two.
"""
from __future__ import annotations

from functools import lru_cache

import numpy as np

_POLYNOMIAL = 0x82F63B78   # reflected
_LANE = 1024               # bytes per lane, even
_FEW = 64                  # bytes that are quicker bit by bit


def crc32c(content: bytes) -> int:
    """Checksum of ``content``, as in RFC 3720, appendix B.4 (``b'123456789'``: 0xE3069283)."""
    if len(content) < _FEW:
        return _crc_of_few(content)
    lanes = -(-len(content) // _LANE)
    # Zeros in front change nothing while the register is zero; its usual start of all
    # ones is the same as inverting the first four bytes.
    padded = np.zeros(lanes * _LANE, dtype=np.uint8)
    padded[-len(content):] = np.frombuffer(content, dtype=np.uint8)
    padded[-len(content):][:4] ^= 0xFF
    return _join(_lane_checksums(padded.reshape(lanes, _LANE))) ^ 0xFFFFFFFF


def masked_crc32c(content: bytes) -> int:
    """The form stored in TFRecord files: rotated and offset."""
    crc = crc32c(content)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_of_few(content: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in content:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (_POLYNOMIAL * (register & 1))
    return register ^ 0xFFFFFFFF


def _lane_checksums(lanes: np.ndarray) -> np.ndarray:   # [L, _LANE] uint8 -> [L] uint32
    words = np.ascontiguousarray(lanes.view('<u2').T)   # [_LANE / 2, L]
    table = _two_byte_table()
    register = np.zeros(words.shape[1], dtype=np.uint32)
    for word in words:
        register = table[(register & 0xFFFF) ^ word] ^ (register >> 16)
    return register


def _join(checksums: np.ndarray) -> int:
    level = 0
    while len(checksums) > 1:
        if len(checksums) % 2:
            checksums = np.concatenate([np.zeros(1, np.uint32), checksums])
        checksums = _apply(_shift_columns(level), checksums[0::2]) ^ checksums[1::2]
        level += 1
    return int(checksums[0])


@lru_cache(maxsize=1)
def _two_byte_table() -> np.ndarray:
    register = np.arange(1 << 16, dtype=np.uint32)
    for _ in range(16):
        register = (register >> 1) ^ (np.uint32(_POLYNOMIAL) * (register & 1))
    return register


@lru_cache(maxsize=64)
def _shift_columns(level: int) -> np.ndarray:
    """What ``_LANE * 2 ** level`` bytes of zeros make of each of the 32 bits, [32] uint32."""
    if level:
        half = _shift_columns(level - 1)
        return _apply(half, half)
    register = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for _ in range(_LANE // 2):
        register = _two_byte_table()[register & 0xFFFF] ^ (register >> 16)
    return register


def _apply(columns: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    result = np.zeros_like(vectors)
    for bit, column in enumerate(columns):
        result ^= column * ((vectors >> np.uint32(bit)) & np.uint32(1))
    return result
