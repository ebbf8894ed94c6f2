"""Pictures one after the other as an animated picture that a page of text can hold."""
from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sparse3d.errors import DataError
from sparse3d.visualization.picture_files import write_picture

QUALITIES = (75, 60, 45, 30, 20)
LEAST_WIDTH = 160


def write_animation(images: Sequence[np.ndarray], path: str | os.PathLike,
                    frames_per_second: float = 2.0, max_bytes: int = 3_000_000) -> int:
    """Write an animated ``.webp`` picture, as good as its size allows.

    Args:
        images: (H, W, 3) uint8 RGB, all of one size.
        path: the file.
        frames_per_second: how fast they follow each other.
        max_bytes: the file is no larger; quality is lowered first, then the size.

    Returns:
        The width in pixels that it has.

    Raises:
        DataError: without images, for another ending, or if they do not fit.
    """
    path = Path(path)
    if path.suffix.lower() != '.webp':
        raise DataError(f'an animated picture is a .webp file, not {path.name}')
    if not len(images):
        raise DataError(f'there are no pictures to make {path} of')
    frames = [Image.fromarray(image) for image in images]
    while frames[0].width >= LEAST_WIDTH or frames[0].width == images[0].shape[1]:
        for quality in QUALITIES:
            buffer = io.BytesIO()
            frames[0].save(buffer, format='webp', save_all=True, append_images=frames[1:],
                           duration=round(1000 / frames_per_second), loop=0, quality=quality,
                           method=4)
            if buffer.tell() <= max_bytes:
                write_picture(path, buffer)
                return frames[0].width
        size = round(frames[0].width * 0.8), round(frames[0].height * 0.8)
        frames = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    raise DataError(f'{len(images)} pictures do not fit into {max_bytes} bytes; take fewer')
