"""A split without frames: said at once, before an array that is not there is looked for."""
from __future__ import annotations

from collections.abc import Sized
from os import PathLike

from sparse3d.errors import DataError


def refuse_no_frames(frames: Sized, info_file: str | PathLike, listed: int) -> None:
    """Refuse a split of which nothing is left.

    Args:
        frames: those that become samples.
        info_file: where they were looked for.
        listed: how many frames it lists.

    Raises:
        DataError: if there are none.
    """
    if len(frames) == 0:
        reason = (f'none of its {listed:,} frames has what the dataset looks for (labeled joints, '
                  'say)' if listed else 'it lists no frames; prepare more of the data set')
        raise DataError(f'there are no samples in {info_file}: {reason}')
