"""Paths with a scheme, ``s3://bucket/name`` or ``https://host/name``: told from files here."""
from __future__ import annotations

import os
import re

# pathlib makes one slash of two; a drive of Windows is one letter.
_SCHEME = re.compile(r'^([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])')
EXTRA = "pip install 'sparse3d-perception[remote]'"


def is_remote(path: str | os.PathLike) -> bool:
    """Whether a path has a scheme."""
    return _SCHEME.match(str(path)) is not None


def address_of(path: str | os.PathLike) -> str:
    """The address, with both slashes also where pathlib lost one."""
    return _SCHEME.sub(r'\1://', str(path), count=1)


def scheme_of(path: str | os.PathLike) -> str:
    """``'s3'`` of ``s3://bucket/name``."""
    found = _SCHEME.match(str(path))
    return found[1] if found else ''
