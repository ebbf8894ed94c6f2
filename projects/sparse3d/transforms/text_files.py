"""Text files as people bring them: byte order marks, Windows line ends, foreign encodings."""
from __future__ import annotations

import codecs
import json
import os
from typing import Any

from sparse3d.errors import DataError
from sparse3d.first_bytes import other_kind_of
from sparse3d.transforms.point_files import read_bytes

# What Notepad and PowerShell put in front of a text.
_MARKS = ((codecs.BOM_UTF8, 'utf-8'), (codecs.BOM_UTF16_LE, 'utf-16-le'),
          (codecs.BOM_UTF16_BE, 'utf-16-be'))
UNREADABLE = '\ufffd'  # what a program writes in place of a character that it could not read


def read_text(path: str | os.PathLike) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark; line ends as ``\\n``.

    Raises:
        DataError: if the file is missing or holds bytes that are no such text.
    """
    content = read_bytes(path)
    mark, encoding = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)),
                          (b'', 'utf-8'))
    try:
        text = content[len(mark):].decode(encoding)
    except UnicodeDecodeError as error:
        line = content[:error.start].count(b'\n') + 1
        raise DataError(f'{path} is damaged or not UTF-8: line {line} holds bytes that are no '
                        f'text; save it as UTF-8') from error
    if '\0' in text:
        raise DataError(f'{path} is damaged: it holds bytes that are no text')
    return text.replace('\r\n', '\n').replace('\r', '\n')


def read_json(path: str | os.PathLike) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: if the file is missing or no JSON, is nested too deeply, or says a key twice.
    """
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in found if names.count(name) > 1)
            raise DataError(f'{path} has {twice!r} twice in one place; keep one')
        return found

    try:
        return json.loads(read_text(path), object_pairs_hook=once)
    except DataError:
        raise
    except (ValueError, RecursionError) as error:
        raise DataError(f'{path} is no JSON: {other_kind_of(path) or error}') from error
