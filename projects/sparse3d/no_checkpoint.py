"""What a file is that was given as a checkpoint and is none of ``torch.save``."""
from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from typing import Any

_ZIP = b'PK\x03\x04'
_WRITE = 'save its weights with torch.save(model.state_dict(), PATH)'
_BEGINNINGS = (
    (b'\x93NUMPY', 'it is a NumPy array; save tensors by name, torch.save({name: '
                   'torch.from_numpy(array), ...}, PATH)'),
    (b'\x89HDF\r\n', f'it is an HDF5 file of another framework; load it there and {_WRITE}'),
    (b'\x89PNG', 'it is a picture'),
    (b'\xff\xd8\xff', 'it is a picture'),
    (b'PAR1', 'it is a Parquet table'),
    (b'\x80', 'it is damaged, or a pickle that torch.save has not written: load it and save its '
              'weights with torch.save'),
)


def archive_kind(names: Sequence[str]) -> str | None:
    """What a zip archive is that ``torch.save`` has not written; None where it has.

    Args:
        names: of its parts.
    """
    if any(name.endswith('/constants.pkl') for name in names):
        return f'it is a TorchScript model, which brings its own code; load it and {_WRITE}'
    if any(name.endswith('data.pkl') for name in names):
        return None
    if names and all(name.endswith('.npy') for name in names):
        return ('it is an .npz of NumPy arrays; save them as tensors, torch.save({name: '
                'torch.from_numpy(array), ...}, PATH)')
    inside = ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
    return f'it is a zip archive of {inside or "nothing"}; unpack it first'


def no_checkpoint(file: Any) -> str:
    """A sentence on a file that could not be read, with the way out where there is one.

    Args:
        file: path, or an open file, which stays where it is.
    """
    if hasattr(file, 'read'):
        place = file.tell()
        try:
            return _kind_of(file)
        finally:
            file.seek(place)
    with open(file, 'rb') as opened:
        return _kind_of(opened)


def _kind_of(file: Any) -> str:
    head = file.read(512)
    if head.startswith(_ZIP):
        file.seek(0)
        if not _has_table(file):
            return 'it was cut short: the table at the end of its archive is not there'
        return 'a part of its archive is damaged; fetch it again'
    if is_safetensors(head):
        return 'it is in the format of safetensors; name it *.safetensors'
    known = next((text for start, text in _BEGINNINGS if head.startswith(start)), None)
    if known is not None:
        return known
    if _is_text(head):
        return 'it is a text'
    return 'its bytes are no file of torch.save'


def is_safetensors(head: bytes) -> bool:
    """Whether the first bytes of a file are those of ``safetensors``."""
    if len(head) < 10 or head[8:9] != b'{':
        return False
    length = int.from_bytes(head[:8], 'little')
    if length > len(head) - 8:
        return length < 100_000_000 and head[9:10] in b'"} '
    try:
        return isinstance(json.loads(head[8:8 + length]), dict)
    except ValueError:
        return False


def is_torch_archive(head: bytes) -> bool:
    """Whether the first bytes of a file may be those of ``torch.save``."""
    return head.startswith((_ZIP, b'\x80\x02\x8a\x0a'))


def _has_table(file: Any) -> bool:
    """Whether an archive has the table of its parts, which stands at its end."""
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:  # it has one that contradicts itself
        return True


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError:
        return False
    return bool(text) and all(letter.isprintable() or letter in '\r\n\t' for letter in text)
