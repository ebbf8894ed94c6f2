"""PCD files (Point Cloud Library): ascii, binary and binary_compressed, by their declared fields.

Own code because ``pypcd4`` gives fewer points than declared without an error and open3d's reader
ends the process on fields named ``_``.

Source: the PCD format, version 0.7, as documented by the Point Cloud Library.
"""
from __future__ import annotations

import os
import struct

import numpy as np

from sparse3d.errors import DataError
from sparse3d.transforms.column_tables import (
    Columns,
    byte_columns,
    cut_short,
    refuse_rest,
    row_type,
    text_columns,
    text_lines,
)
from sparse3d.transforms.named_columns import say_once

_BOM = b'\xef\xbb\xbf'
_KEYS = ('VERSION', 'FIELDS', 'COLUMNS', 'SIZE', 'TYPE', 'COUNT', 'WIDTH', 'HEIGHT', 'VIEWPOINT',
         'POINTS', 'DATA')
_TYPES = {'F': {4: '<f4', 8: '<f8'}, 'I': {1: 'i1', 2: '<i2', 4: '<i4', 8: '<i8'},
          'U': {1: 'u1', 2: '<u2', 4: '<u4', 8: '<u8'}}
_NO_POSE = (0, 0, 0, 1, 0, 0, 0)
_MAX_RATIO = 264  # LZF: three bytes repeat at most 264


def read_pcd(content: bytes, path: str | os.PathLike) -> Columns:
    """The columns of a PCD file by name; fields of several numbers and fillers are left out.

    Args:
        content: of the file.
        path: for the errors.

    Raises:
        DataError: if the header contradicts itself or the length, or rows are missing or damaged.
    """
    header, start = _header(content, path)
    dtype, rows = _row_type(header, path), _rows(header, path)
    _say_viewpoint(header, path)
    kind = header['DATA'][0].lower()
    if kind == 'ascii':
        lines = text_lines(content[start:], path)
        if len(lines) != rows:
            raise cut_short(path, rows, len(lines))
        return text_columns(lines, dtype, path)
    if kind == 'binary':
        columns = byte_columns(content, start, rows, dtype, path)
        refuse_rest(content, start + rows * dtype.itemsize, dtype.itemsize, path)
        return columns
    if kind == 'binary_compressed':
        return _compressed(content, start, rows, dtype, path)
    raise DataError(f'{path} has DATA {kind}; ascii, binary or binary_compressed can be read')


def _header(content: bytes, path: str | os.PathLike) -> tuple[dict[str, list[str]], int]:
    """Words of each header line by their key, and where the data begin."""
    header: dict[str, list[str]] = {}
    place = len(_BOM) if content.startswith(_BOM) else 0
    while 'DATA' not in header:
        end = content.find(b'\n', place)
        if end < 0 or end - place > 1 << 16:
            raise DataError(f'{path} is damaged or no PCD file: its header does not end with DATA')
        line = content[place:end].strip()
        place = end + 1
        if not line or line.startswith(b'#'):
            continue
        try:
            key, *words = line.decode('utf-8').split()
        except UnicodeDecodeError as error:
            raise DataError(f'{path} is damaged or no PCD file: its header is no text') from error
        if key not in _KEYS or key in header or not words:
            raise DataError(f'{path} is damaged or no PCD file: its header has the line '
                            f'{line[:60].decode("utf-8", "replace")!r}')
        header[key] = words
    return header, place


def _row_type(header: dict[str, list[str]], path: str | os.PathLike) -> np.dtype:
    names = header.get('FIELDS') or header.get('COLUMNS') or []
    sizes, types = header.get('SIZE', []), header.get('TYPE', [])
    counts = header.get('COUNT') or ['1'] * len(names)
    if not names or not len(names) == len(sizes) == len(types) == len(counts):
        raise DataError(f'{path} is damaged: FIELDS, SIZE, TYPE and COUNT have {len(names)}, '
                        f'{len(sizes)}, {len(types)} and {len(counts)} entries')
    fields = []
    for name, size, kind, count in zip(names, sizes, types, counts, strict=True):
        known = _TYPES.get(kind, {}).get(_number(size, path))
        if known is None or _number(count, path) < 1:
            raise DataError(f'{path} declares the field {name} with TYPE {kind}, SIZE {size} and '
                            f'COUNT {count}, which PCD does not have')
        fields.append((name, known, _number(count, path)))
    return row_type(fields, path)


def _say_viewpoint(header: dict[str, list[str]], path: str | os.PathLike) -> None:
    """PCL keeps the pose of the sensor beside the points; points are taken as they are."""
    words = header.get('VIEWPOINT', [])
    try:
        pose = [float(word) for word in words]
    except ValueError as error:
        raise DataError(f'{path} is damaged: VIEWPOINT is {" ".join(words)[:60]!r}') from error
    if len(pose) == len(_NO_POSE) and not np.allclose(pose, _NO_POSE, atol=1e-3) and any(pose):
        say_once(f'{path}: its VIEWPOINT {" ".join(words)} is not applied; points are taken as '
                 f'they are, in the frame of the file', path, 'VIEWPOINT')


def _rows(header: dict[str, list[str]], path: str | os.PathLike) -> int:
    area = None
    if 'WIDTH' in header:
        area = _number(header['WIDTH'][0], path) * _number(header.get('HEIGHT', ['1'])[0], path)
    points = _number(header['POINTS'][0], path) if 'POINTS' in header else area
    if points is None or (area is not None and area != points):
        raise DataError(f'{path} is damaged: POINTS is {header.get("POINTS", ["absent"])[0]}, '
                        f'WIDTH x HEIGHT is {area}')
    return points


def _number(word: str, path: str | os.PathLike) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 16):
        raise DataError(f'{path} is damaged: its header has {word[:40]!r} in place of a count')
    return int(word)


def _compressed(content: bytes, start: int, rows: int, dtype: np.dtype,
                path: str | os.PathLike) -> Columns:
    """One column after the other, packed with LZF behind two lengths."""
    if not rows and not content[start:].strip(b'\0\r\n'):
        return byte_columns(b'', 0, 0, dtype, path)
    if len(content) < start + 8:
        raise cut_short(path, rows, 0)
    packed, length = struct.unpack_from('<II', content, start)
    if length != rows * dtype.itemsize:
        raise DataError(f'{path} is damaged: {length} bytes are packed, its header declares '
                        f'{rows} rows of {dtype.itemsize} bytes')
    if len(content) - start - 8 < packed or length > _MAX_RATIO * packed:
        raise DataError(f'{path} is cut short or damaged: {packed} packed bytes are declared, '
                        f'{len(content) - start - 8} are there')
    refuse_rest(content, start + 8 + packed, dtype.itemsize, path)
    plain = _unpack_lzf(content[start + 8:start + 8 + packed], length, path)
    columns, place = {}, 0
    for name in dtype.names:
        size = rows * dtype[name].itemsize
        if not dtype[name].shape and not name.startswith('_'):
            columns[name] = np.frombuffer(plain, dtype[name], rows, place)
        place += size
    return columns


def _unpack_lzf(packed: bytes, length: int, path: str | os.PathLike) -> bytes:
    """LZF: runs of literal bytes (below 32), or a length and a distance back."""
    out, place, damaged = bytearray(), 0, DataError(f'{path} is damaged: its packed data are none')
    try:
        while place < len(packed):
            control = packed[place]
            place += 1
            if control < 32:
                run = packed[place:place + control + 1]
                if len(run) != control + 1:
                    raise damaged
                out += run
                place += control + 1
            else:
                count = control >> 5
                if count == 7:
                    count += packed[place]
                    place += 1
                begin = len(out) - ((control & 31) << 8) - packed[place] - 1
                place += 1
                count += 2
                if begin < 0 or len(out) + count > length:
                    raise damaged
                piece = out[begin:begin + count]
                out += (piece * (count // len(piece) + 1))[:count]
            if len(out) > length:
                raise damaged
    except IndexError as error:
        raise damaged from error
    if len(out) != length:
        raise damaged
    return bytes(out)
