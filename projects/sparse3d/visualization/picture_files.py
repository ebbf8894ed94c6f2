"""Pictures written whole or not at all."""
from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sparse3d.atomic_files import make_folder, write_bytes_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, path: str | os.PathLike, dots_per_inch: int = 130) -> None:
    """Write a matplotlib figure; the kind of file follows from the name.

    Raises:
        DataError: if the file cannot be written.
    """
    path = Path(path)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix[1:].lower() or 'png', dpi=dots_per_inch,
                   facecolor=figure.get_facecolor())
    write_picture(path, buffer)


def as_text(text: str) -> str:
    """Text that matplotlib draws as it is: names of classes and files are no formulas."""
    return ('\u200b' if text.startswith('_') else '') + text.replace('$', r'\$')


def write_picture(path: str | os.PathLike, content: io.BytesIO) -> None:
    """Write an encoded picture, and its folder if that is missing.

    Raises:
        DataError: if the file cannot be written.
    """
    make_folder(Path(path).parent)
    write_bytes_atomically(path, content.getbuffer())
