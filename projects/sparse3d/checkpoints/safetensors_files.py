"""Weights in the format of ``safetensors``: named tensors and nothing that could run.

Layout: length of the header (uint64, little-endian), the header in JSON (dtype, shape and place
of each tensor, ``__metadata__``), the bytes of all tensors without gaps.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparse3d.errors import CheckpointError
from sparse3d.first_bytes import HEAD, other_kind
from sparse3d.no_checkpoint import is_torch_archive

SUFFIX = '.safetensors'
DTYPES = dict(F64=torch.float64, F32=torch.float32, F16=torch.float16, BF16=torch.bfloat16,
              I64=torch.int64, I32=torch.int32, I16=torch.int16, I8=torch.int8, U8=torch.uint8,
              BOOL=torch.bool)
LONGEST_HEADER = 100_000_000  # bytes, as the format's own library has it
META = '__metadata__'
NOTE = 'sparse3d'  # among the metadata: published quirks and statistics of the training, in JSON


def read_safetensors(path: str | PathLike) -> dict[str, Tensor]:
    """The tensors of a file by name, on the CPU.

    Raises:
        CheckpointError: if the file is missing, or lengths, types or places in its header do not
            agree with each other and with its size.
    """
    return read_with_meta(path)[0]


def read_with_meta(path: str | PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """As :func:`read_safetensors`, and what :func:`safetensors_bytes` noted beside.

    Raises:
        CheckpointError: as :func:`read_safetensors`, or if the note is not in JSON.
    """
    try:
        content = bytearray(Path(path).read_bytes())
    except OSError as error:
        raise CheckpointError(f'{path} cannot be read: {error.strerror}') from error
    if other := other_kind(bytes(content[:HEAD])):
        raise CheckpointError(f'{path} is no checkpoint: {other}')
    if is_torch_archive(bytes(content[:HEAD])):
        raise CheckpointError(f'{path} is not in the format of safetensors but a file of '
                              f'torch.save; name it *.pth')
    length = int.from_bytes(content[:8], 'little')
    if len(content) < 8 or length > min(len(content) - 8, LONGEST_HEADER):
        raise CheckpointError(f'{path} is truncated or not in the format of safetensors '
                              f'({len(content):,} bytes)')
    try:
        header = json.loads(content[8:8 + length].decode())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is damaged: its header is no JSON ({error})') from error
    if not isinstance(header, dict):
        raise CheckpointError(f'{path} is damaged: its header is no table of tensors')
    data = memoryview(content)[8 + length:]
    tensors, places = {}, []
    for name, entry in header.items():
        if name != META:
            tensors[name], place = _tensor(entry, data, f'{path} is damaged: its tensor {name}')
            places.append(place)
    ends = [0, *(end for _, end in sorted(places))]
    if [begin for begin, _ in sorted(places)] != ends[:-1] or ends[-1] != len(data):
        raise CheckpointError(f'{path} is truncated or damaged: its tensors do not fill the '
                              f'{len(data):,} bytes behind its header')
    return tensors, _note(header.get(META), path)


def safetensors_bytes(tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> bytes:
    """The content of a file.

    Args:
        tensors: by name.
        meta: what JSON can hold; noted in the header, where other readers pass it by.

    Raises:
        CheckpointError: for a tensor of a type that the format does not have.
    """
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {META: {'format': 'pt', NOTE: json.dumps(dict(meta))}}
    parts, place = [], 0
    for name, value in sorted(tensors.items()):
        if value.dtype not in names:
            raise CheckpointError(f'{name} is of {value.dtype}, which safetensors does not have')
        content = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        header[name] = dict(dtype=names[value.dtype], shape=list(value.shape),
                            data_offsets=[place, place + len(content)])
        parts.append(content)
        place += len(content)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    return b''.join([len(text).to_bytes(8, 'little'), text, *parts])


def _note(metadata: Any, path: str | PathLike) -> dict[str, Any]:
    text = metadata.get(NOTE) if isinstance(metadata, dict) else None
    if text is None:
        return {}
    try:
        note = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f'{path} is damaged: its note is no JSON ({error})') from error
    if not isinstance(note, dict):
        raise CheckpointError(f'{path} is damaged: its note is no table')
    return note


def _tensor(entry: Any, data: memoryview, where: str) -> tuple[Tensor, tuple[int, int]]:
    try:
        dtype, shape, (begin, end) = DTYPES[entry['dtype']], entry['shape'], entry['data_offsets']
        numbers = [begin, end, *shape]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f'{where} has no known dtype, shape and place') from error
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise CheckpointError(f'{where} has a shape or place that is no count')
    count = 1
    for size in shape:
        count *= size
    if not begin <= end <= len(data) or count * dtype.itemsize != end - begin:
        raise CheckpointError(f'{where} has the shape {shape}, but {end - begin} bytes')
    if not count:
        return torch.empty(shape, dtype=dtype), (begin, end)
    return torch.frombuffer(data[begin:end], dtype=torch.uint8).clone().view(dtype).reshape(
        shape), (begin, end)
