"""Pictures one after the other as a video that browsers play."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sparse3d.atomic_files import make_folder, move_file
from sparse3d.errors import BackendUnavailable, DataError

# By the ending of the file: H.264 as every browser plays it, or VP9 without patents.
CODECS = {
    '.mp4': ('libx264', ['-pix_fmt', 'yuv420p', '-crf', '23', '-movflags', '+faststart']),
    '.webm': ('libvpx-vp9', ['-pix_fmt', 'yuv420p', '-crf', '33', '-b:v', '0', '-row-mt', '1']),
}


class VideoWriter:
    """A video that grows picture by picture and appears when it is whole.

    Used with ``with``: what breaks off leaves no file.

    Args:
        path: ending in ``.mp4`` (H.264) or ``.webm`` (VP9).
        frames_per_second: how fast the pictures follow each other.

    Raises:
        DataError: for another ending or rate.
        BackendUnavailable: without the package imageio-ffmpeg.
    """

    def __init__(self, path: str | os.PathLike, frames_per_second: float = 5.0) -> None:
        self.path, self.frames_per_second = Path(path), float(frames_per_second)
        if self.path.suffix.lower() not in CODECS:
            raise DataError(f'a video is an {" or ".join(CODECS)} file, not {self.path.name}')
        if not 0 < self.frames_per_second <= 240:
            raise DataError(f'a video of {frames_per_second} frames per second cannot be made; '
                            f'choose a number above 0 and up to 240')
        self._ffmpeg = _ffmpeg()
        self._process: Any = None
        self._size: tuple[int, int] = (0, 0)
        # the ending says the format
        self._temporary = self.path.with_name(
            f'.{self.path.stem}.{os.getpid()}.tmp{self.path.suffix.lower()}')

    def add(self, image: np.ndarray) -> None:
        """Add (H, W, 3) uint8 RGB; one of another size than the first is fitted to it."""
        if self._process is None:
            self._open(image)
        width, height = self._size
        if image.shape[:2] != (height, width):
            from PIL import Image
            image = np.asarray(Image.fromarray(image).resize((width, height)))
        self._process.send(np.ascontiguousarray(image, dtype=np.uint8))

    def _open(self, image: np.ndarray) -> None:
        self._size = image.shape[1] // 2 * 2, image.shape[0] // 2 * 2
        make_folder(self.path.parent)
        codec, options = CODECS[self.path.suffix.lower()]
        self._process = self._ffmpeg.write_frames(
            str(self._temporary), self._size, fps=self.frames_per_second, codec=codec,
            pix_fmt_in='rgb24', output_params=options[2:], pix_fmt_out='yuv420p', quality=None,
            macro_block_size=2, ffmpeg_log_level='error')
        self._process.send(None)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        try:
            if self._process is not None:
                self._process.close()
            if kind is None and self._process is not None:
                if not self._temporary.is_file() or not self._temporary.stat().st_size:
                    raise DataError(f'{self.path} could not be written: ffmpeg gave nothing; is '
                                    f'there room on the disk?')
                move_file(self._temporary, self.path)
        finally:
            self._temporary.unlink(missing_ok=True)


def write_video(pictures: Sequence[str | os.PathLike], path: str | os.PathLike,
                frames_per_second: float = 5.0) -> None:
    """Write a video of picture files; those of another size are fitted to the first.

    Args:
        pictures: files, in order.
        path: the video, ending in ``.mp4`` (H.264) or ``.webm`` (VP9).
        frames_per_second: how fast they follow each other.

    Raises:
        DataError: without pictures, if one is damaged, or for another ending.
        BackendUnavailable: without the package imageio-ffmpeg.
    """
    with VideoWriter(path, frames_per_second) as video:
        if not pictures:
            raise DataError(f'there are no pictures to make {path} of')
        for picture in pictures:
            video.add(_read(picture))


@contextmanager
def maybe_video(path: str | os.PathLike | None,
                frames_per_second: float) -> Iterator[VideoWriter | None]:
    """A video to add to, or None where none is wanted."""
    if path is None:
        yield None
    else:
        with VideoWriter(path, frames_per_second) as video:
            yield video


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise BackendUnavailable('videos need ffmpeg; install it with "pip install '
                                 'imageio-ffmpeg" (it is in the extra "video"); the single '
                                 'pictures are made without it') from error
    return imageio_ffmpeg


def _read(path: str | os.PathLike) -> np.ndarray:
    from PIL import Image
    try:
        return np.asarray(Image.open(path).convert('RGB'))
    except (OSError, ValueError) as error:
        raise DataError(f'{path} is no readable picture') from error
