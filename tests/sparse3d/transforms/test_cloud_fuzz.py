"""Damaged point clouds: the right content or one sentence; never a crash, a hang or garbage.

``SPARSE3D_FUZZ=10000`` sets the number of damaged files of each format.
"""
from __future__ import annotations

import os
import struct
import tracemalloc

import numpy as np
import pytest

from sparse3d.errors import DataError
from sparse3d.transforms.cloud_files import read_cloud

FILES = int(os.environ.get('SPARSE3D_FUZZ', 250))
MEMORY = 64 << 20  # bytes, for files of about a kilobyte
ROWS = 9


@pytest.fixture(scope='module')
def rows():
    table = np.zeros(ROWS, [('x', '<f4'), ('y', '<f8'), ('z', '<f4'), ('_', 'u1', 4),
                            ('intensity', '<u2'), ('ring', 'u1')])
    for number, name in enumerate(('x', 'y', 'z', 'intensity', 'ring')):
        table[name] = np.random.default_rng(number).uniform(1, 50, ROWS)
    return table


def pcd(rows, kind, body):
    return (f'# .PCD v0.7\nVERSION 0.7\nFIELDS x y z _ intensity ring\nSIZE 4 8 4 1 2 1\n'
            f'TYPE F F F U U U\nCOUNT 1 1 1 4 1 1\nWIDTH {ROWS}\nHEIGHT 1\n'
            f'VIEWPOINT 0 0 0 1 0 0 0\nPOINTS {ROWS}\nDATA {kind}\n').encode() + body


def words(rows, names):
    return ''.join(' '.join(str(value) for name in names for value in np.atleast_1d(row[name]))
                   + '\n' for row in rows).encode()


def packed(rows):
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


def ply(rows, kind, body, faces):
    types = {'<f4': 'float', '<f8': 'double', '<u2': 'ushort', '|u1': 'uchar'}
    head = ''.join(f'property {types[rows.dtype[name].str]} {name}\n'
                   for name in ('x', 'y', 'z', 'intensity', 'ring'))
    return (f'ply\nformat {kind} 1.0\ncomment of a test\nelement vertex {ROWS}\n{head}'
            f'element face 2\nproperty list uchar int vertex_indices\nend_header\n'
            ).encode() + body + faces


def npy(array):
    import io
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def contents(rows):
    plain = ['x', 'y', 'z', 'intensity', 'ring']
    tight = np.zeros(ROWS, [(name, rows.dtype[name]) for name in plain])
    for name in plain:
        tight[name] = rows[name]
    face = bytes([3]) + np.arange(3, dtype='<i4').tobytes()
    table = np.column_stack([rows[name] for name in ('x', 'y', 'z', 'intensity')])
    return {
        'ascii.pcd': pcd(rows, 'ascii', words(rows, rows.dtype.names)),
        'binary.pcd': pcd(rows, 'binary', rows.tobytes()),
        'packed.pcd': pcd(rows, 'binary_compressed', packed(rows)),
        'ascii.ply': ply(rows, 'ascii', words(rows, plain), b'3 0 1 2\n3 0 1 2\n'),
        'binary.ply': ply(rows, 'binary_little_endian', tight.tobytes(), face * 2),
        'plain.npy': npy(table.astype('f4')), 'named.npy': npy(tight)}


NAMES = ('ascii.pcd', 'binary.pcd', 'packed.pcd', 'ascii.ply', 'binary.ply',
         'plain.npy', 'named.npy')


@pytest.mark.parametrize('name', NAMES)
def test_whole_files_are_read_and_every_truncation_is_refused(tmp_path, rows, name):
    content, path = contents(rows)[name], tmp_path / name
    path.write_bytes(content)
    wanted = np.column_stack([rows[key] for key in ('x', 'y', 'z', 'intensity')])
    np.testing.assert_allclose(read_cloud(path), wanted, rtol=1e-6)
    for size in range(len(content)):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match=name):
            read_cloud(path)


@pytest.mark.parametrize('name', NAMES)
def test_damaged_files_give_numbers_or_a_sentence(tmp_path, rows, name):
    content, path = contents(rows)[name], tmp_path / name
    random, refused = np.random.default_rng(len(name)), 0
    tracemalloc.start()
    for _ in range(FILES):
        path.write_bytes(damaged(content, random))
        tracemalloc.reset_peak()
        try:
            points = read_cloud(path)
        except DataError as error:
            refused += 1
            assert name in str(error) and '\n' not in str(error)
            points = np.zeros((0, 4), np.float32)
        assert points.dtype == np.float32 and points.ndim == 2 and points.shape[1] == 4
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    tracemalloc.stop()
    assert refused > FILES / 10


def damaged(content, random):
    """One to three bytes changed, or a piece removed, doubled or replaced; half in the head."""
    content = bytearray(content)
    for _ in range(random.integers(1, 4)):
        place = int(random.integers(min(len(content), 300) if random.random() < 0.5
                                    else len(content)))
        length = int(random.integers(1, 20))
        kind = random.integers(5)
        if kind == 0:
            content[place] ^= 1 << int(random.integers(8))
        elif kind == 1:
            content[place] = int(random.choice([0, 9, 32, 45, 48, 57, 255]))
        elif kind == 2:
            del content[place:place + length]
        elif kind == 3:
            content[place:place] = content[place:place + length]
        else:
            content[place:place + length] = bytes(random.integers(0, 256, length, dtype=np.uint8))
        content = content or bytearray(b'?')
    return bytes(content)
