"""Small point clouds of every format, written by hand."""
from __future__ import annotations

import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather

ROWS = 9
NAMES = ('ascii.pcd', 'binary.pcd', 'packed.pcd', 'ascii.ply', 'binary.ply',
         'plain.npy', 'named.npy', 'sweep.feather')
PLAIN = ('x', 'y', 'z', 'intensity', 'ring')


def cloud_rows() -> np.ndarray:
    """Rows with a filler, in several types."""
    table = np.zeros(ROWS, [('x', '<f4'), ('y', '<f8'), ('z', '<f4'), ('_', 'u1', 4),
                            ('intensity', '<u2'), ('ring', 'u1')])
    for number, name in enumerate(PLAIN):
        table[name] = np.random.default_rng(number).uniform(1, 50, ROWS)
    return table


def cloud_contents(rows: np.ndarray) -> dict[str, bytes]:
    """The rows as a file of each of ``NAMES``."""
    tight = np.zeros(ROWS, [(name, rows.dtype[name]) for name in PLAIN])
    for name in PLAIN:
        tight[name] = rows[name]
    face = bytes([3]) + np.arange(3, dtype='<i4').tobytes()
    table = np.column_stack([rows[name] for name in PLAIN[:4]])
    return {
        'ascii.pcd': _pcd('ascii', _words(rows, rows.dtype.names)),
        'binary.pcd': _pcd('binary', rows.tobytes()),
        'packed.pcd': _pcd('binary_compressed', _packed(rows)),
        'ascii.ply': _ply(rows, 'ascii', _words(rows, PLAIN), b'3 0 1 2\n3 0 1 2\n'),
        'binary.ply': _ply(rows, 'binary_little_endian', tight.tobytes(), face * 2),
        'plain.npy': npy(table.astype('f4')), 'named.npy': npy(tight),
        'sweep.feather': _feather(rows)}


def npy(array: np.ndarray) -> bytes:
    """What ``numpy.save`` writes."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _pcd(kind: str, body: bytes) -> bytes:
    return (f'# .PCD v0.7\nVERSION 0.7\nFIELDS x y z _ intensity ring\nSIZE 4 8 4 1 2 1\n'
            f'TYPE F F F U U U\nCOUNT 1 1 1 4 1 1\nWIDTH {ROWS}\nHEIGHT 1\n'
            f'VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {ROWS}\nDATA {kind}\n').encode() + body


def _feather(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    feather.write_feather(pa.table({name: np.ascontiguousarray(rows[name]) for name in PLAIN}),
                          stream, compression='lz4')
    return stream.getvalue()


def _words(rows: np.ndarray, names: tuple[str, ...]) -> bytes:
    return ''.join(' '.join(str(value) for name in names for value in np.atleast_1d(row[name]))
                   + '\n' for row in rows).encode()


def _packed(rows: np.ndarray) -> bytes:
    """LZF with literals and with references back."""
    flat = b''.join(np.ascontiguousarray(rows[name]).tobytes() for name in rows.dtype.names)
    out, place = bytearray(), 0
    while place < len(flat):
        if place and flat[place:place + 3] == flat[place - 1:place] * 3:
            out += bytes([1 << 5, 0])
            place += 3
        else:
            run = flat[place:place + 8]
            out += bytes([len(run) - 1]) + run
            place += len(run)
    return struct.pack('<II', len(out), len(flat)) + bytes(out)


def _ply(rows: np.ndarray, kind: str, body: bytes, faces: bytes) -> bytes:
    types = {'<f4': 'float', '<f8': 'double', '<u2': 'ushort', '|u1': 'uchar'}
    head = ''.join(f'property {types[rows.dtype[name].str]} {name}\n' for name in PLAIN)
    return (f'ply\nformat {kind} 1.0\ncomment of a test\nelement vertex {ROWS}\n{head}'
            f'element face 2\nproperty list uchar int vertex_indices\nend_header\n'
            ).encode() + body + faces
