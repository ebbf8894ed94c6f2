"""Pictures of one view, one after the other, as a video."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sparse3d.atomic_files import make_folder
from sparse3d.errors import BackendUnavailable, DataError


def write_video(pictures: Sequence[str | os.PathLike], path: str | os.PathLike,
                frames_per_second: float = 5.0) -> None:
    """Write an MP4 video of pictures; those of another size are fitted to the first.

    Args:
        pictures: files, in order.
        path: the video, ending in ``.mp4``.
        frames_per_second: how fast they follow each other.

    Raises:
        DataError: without pictures, if one is damaged, or for another ending.
        BackendUnavailable: if OpenCV cannot write MP4 here.
    """
    import cv2
    path = Path(path)
    if path.suffix.lower() != '.mp4':
        raise DataError(f'a video is an .mp4 file, not {path.name}')
    if not pictures:
        raise DataError(f'there are no pictures to make {path} of')
    height, width = (size // 2 * 2 for size in _read(pictures[0]).shape[:2])
    make_folder(path.parent)
    temporary = path.with_name(f'.{path.stem}.{os.getpid()}.tmp.mp4')  # the ending says the format
    try:
        writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter_fourcc(*'mp4v'),
                                 frames_per_second, (width, height))
        if not writer.isOpened():
            raise BackendUnavailable('OpenCV cannot write MP4 here; the single pictures are '
                                     'there, join them with another program')
        for picture in pictures:
            writer.write(cv2.resize(_read(picture), (width, height)))
        writer.release()
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: str | os.PathLike):
    import cv2
    image = cv2.imread(str(path))
    if image is None:
        raise DataError(f'{path} is no readable picture')
    return image
