"""Where checkpoints may be written."""
from __future__ import annotations

from os import PathLike
from pathlib import Path

from sparse3d.checkpoints.safetensors_files import SUFFIX
from sparse3d.errors import CheckpointError


def refuse_safetensors_name(target: str | PathLike) -> None:
    """Files are read by their suffix, so what ``torch.save`` writes must not have the other one.

    Raises:
        CheckpointError: if it has.
    """
    if Path(target).suffix.lower() == SUFFIX:
        raise CheckpointError(f'{target} would be written by torch.save and read as safetensors; '
                              f'name it *.pth')
