"""Names of topics and frames, which somebody else chose: for the screen, and as names of files."""
from __future__ import annotations

import re

MAX_SHOWN = 120


def shown(text: str) -> str:
    """A text without what a terminal would obey: control characters are written as escapes."""
    plain = ''.join(sign if sign.isprintable() else sign.encode('unicode_escape').decode()
                    for sign in text)
    return plain if len(plain) <= MAX_SHOWN else f'{plain[:MAX_SHOWN]}...'


def shown_frame(name: str) -> str:
    """The name of a frame; some drivers give none."""
    return shown(name) or 'a frame without a name'


def file_name(text: str) -> str:
    """A text as the name of one file or folder: letters, digits, ``-`` and ``_`` alone."""
    return re.sub(r'[^A-Za-z0-9_-]+', '_', text).strip('_')[:80] or 'unnamed'
