"""What a file really is that came in place of another one, told by its first bytes."""
from __future__ import annotations

from typing import Any

HEAD = 512  # bytes that tell

_KINDS = (
    (b'version https://git-lfs', 'it is a pointer of Git LFS in place of the file; run '
                                 '"git lfs pull" where it was cloned'),
    (b'\x1f\x8b', 'it is packed with gzip; unpack it first'),
    (b'BZh', 'it is packed with bzip2; unpack it first'),
    (b'\xfd7zXZ\x00', 'it is packed with xz; unpack it first'),
    (b'7z\xbc\xaf\x27\x1c', 'it is a 7z archive; unpack it first'),
    (b'Rar!', 'it is a RAR archive; unpack it first'),
)
_PAGES = (b'<!doctype', b'<html', b'<head', b'<?xml')


def other_kind(head: bytes) -> str | None:
    """A sentence on what a file is, with the way out, if it is of no use as it is.

    Args:
        head: its first bytes, up to :data:`HEAD` count.

    Returns:
        None for anything that is not known here.
    """
    if not head:
        return 'it is damaged, for it is empty; fetch it again'
    if head.removeprefix(b'\xef\xbb\xbf').lstrip().lower().startswith(_PAGES):
        return ('it is a web page in place of the file (a login, a warning or an error); fetch the '
                'file itself')
    if head[257:262] == b'ustar':
        return 'it is a tar archive; unpack it first'
    return next((text for magic, text in _KINDS if head.startswith(magic)), None)


def other_kind_of(file: Any) -> str | None:
    """The same of a path, or of an open file, which stays where it is."""
    if not hasattr(file, 'read'):
        with open(file, 'rb') as opened:
            return other_kind(opened.read(HEAD))
    place = file.tell()
    head = file.read(HEAD)
    file.seek(place)
    return other_kind(head)
