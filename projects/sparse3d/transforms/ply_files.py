"""PLY files: the vertices of ascii and binary files, by their declared properties.

Own code because ``plyfile`` reads text row by row, does not look at what follows the last row
and reserves memory for as many rows as a damaged header claims.

Source: the PLY format, version 1.0, as described by Greg Turk.
"""
from __future__ import annotations

import os
from dataclasses import dataclass, field

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

_BOM = b'\xef\xbb\xbf'
_TYPES = {'char': 'i1', 'uchar': 'u1', 'short': 'i2', 'ushort': 'u2', 'int': 'i4', 'uint': 'u4',
          'float': 'f4', 'double': 'f8', 'int8': 'i1', 'uint8': 'u1', 'int16': 'i2',
          'uint16': 'u2', 'int32': 'i4', 'uint32': 'u4', 'float32': 'f4', 'float64': 'f8'}
_ORDERS = {'ascii': '', 'binary_little_endian': '<', 'binary_big_endian': '>'}


@dataclass
class _Element:
    """An element: its name, how many there are, and (name, type, type of a list's length)."""

    name: str
    count: int
    properties: list[tuple[str, str, str | None]] = field(default_factory=list)

    @property
    def has_lists(self) -> bool:
        return any(length is not None for _, _, length in self.properties)

    def row(self, order: str, path: str | os.PathLike) -> np.dtype:
        return row_type([(name, order + kind, 1) for name, kind, _ in self.properties], path)


def read_ply(content: bytes, path: str | os.PathLike) -> Columns:
    """The properties of the element ``vertex`` by name.

    Args:
        content: of the file.
        path: for the errors.

    Raises:
        DataError: if the header contradicts itself or the length, rows are missing or damaged, or
            there is no element ``vertex`` of single numbers.
    """
    order, elements, start = _header(content, path)
    vertex = next((element for element in elements if element.name == 'vertex'), None)
    if vertex is None or not vertex.properties:
        raise DataError(f'{path} holds no points: it has no element vertex with properties')
    if vertex.has_lists:
        raise DataError(f'{path} has a list among the properties of vertex, which cannot be read')
    if order == '':
        return _from_text(text_lines(content[start:], path), elements, path)
    return _from_bytes(content, start, order, elements, path)


def _header(content: bytes, path: str | os.PathLike) -> tuple[str, list[_Element], int]:
    """Byte order ('' for text), the elements, and where the data begin."""
    place = len(_BOM) if content.startswith(_BOM) else 0
    order, elements, first = None, [], True
    while True:
        end = content.find(b'\n', place)
        if end < 0 or end - place > 1 << 16 or len(elements) > 1000:
            raise DataError(f'{path} is damaged or no PLY file: its header does not end')
        words = content[place:end].decode('utf-8', 'replace').split()
        place = end + 1
        if first and words != ['ply']:
            raise DataError(f'{path} is damaged or no PLY file: it does not begin with "ply"')
        if words == ['end_header']:
            break
        if words and words[0] == 'format' and len(words) == 3 and words[2] == '1.0' \
                and order is None:
            order = _ORDERS.get(words[1])
        elif not _describes(words, elements, first):
            raise DataError(f'{path} is damaged or no PLY file: its header has the line '
                            f'{" ".join(words)[:60]!r}')
        first = False
    if order is None:
        raise DataError(f'{path} is damaged or no PLY file: its header names no known format')
    return order, elements, place


def _describes(words: list[str], elements: list[_Element], first: bool) -> bool:
    """Take a line of the header in; False if it means nothing."""
    if first or not words or words[0] in ('comment', 'obj_info'):
        return True
    if words[0] == 'element' and len(words) == 3 and words[2].isascii() and words[2].isdigit() \
            and len(words[2]) < 16 and words[1] not in [element.name for element in elements]:
        elements.append(_Element(words[1], int(words[2])))
        return True
    if words[0] == 'property' and elements:
        if len(words) == 3 and words[1] in _TYPES:
            elements[-1].properties.append((words[2], _TYPES[words[1]], None))
            return True
        if len(words) == 5 and words[1] == 'list' and words[2] in _TYPES and words[3] in _TYPES:
            elements[-1].properties.append((words[4], _TYPES[words[3]], _TYPES[words[2]]))
            return True
    return False


def _from_text(lines: list[str], elements: list[_Element], path: str | os.PathLike) -> Columns:
    rows = sum(element.count for element in elements if element.properties)
    if len(lines) != rows:
        raise cut_short(path, rows, len(lines))
    columns, place = {}, 0
    for element in elements:
        if not element.properties:
            continue
        own = lines[place:place + element.count]
        place += element.count
        if element.name == 'vertex':
            columns = text_columns(own, element.row('<', path), path)
        elif any(not _is_row(line.split(), element) for line in own):
            raise DataError(f'{path} is damaged: a row of its element {element.name} has another '
                            f'number of words than declared')
    return columns


def _is_row(words: list[str], element: _Element) -> bool:
    place = 0
    for _, _, length in element.properties:
        if place >= len(words):
            return False
        if length is not None:
            if not words[place].isdigit():
                return False
            place += int(words[place][:9])
        place += 1
    return place == len(words)


def _from_bytes(content: bytes, place: int, order: str, elements: list[_Element],
                path: str | os.PathLike) -> Columns:
    columns, row_bytes = {}, 1
    for element in elements:
        if element.has_lists:
            place = _end_of_lists(content, place, order, element, path)
            row_bytes = 1
        elif element.properties:
            dtype = element.row(order, path)
            found = byte_columns(content, place, element.count, dtype, path)
            place += element.count * dtype.itemsize
            row_bytes = dtype.itemsize
            columns = found if element.name == 'vertex' else columns
    refuse_rest(content, place, row_bytes, path)
    return columns


def _end_of_lists(content: bytes, place: int, order: str, element: _Element,
                  path: str | os.PathLike) -> int:
    """Where an element with lists (faces) ends."""
    widths = [(np.dtype(kind).itemsize, None if length is None else np.dtype(length).itemsize,
               length is not None and length.startswith('i'))
              for _, kind, length in element.properties]
    endian = 'little' if order == '<' else 'big'
    for row in range(element.count):
        for width, length, signed in widths:
            if length is not None:
                count = int.from_bytes(content[place:place + length], endian, signed=signed)
                place += length + max(count, 0) * width
            else:
                place += width
        if place > len(content):
            raise cut_short(path, element.count, row)
    return place
