"""The folder of a training: an earlier one's checkpoints are not written over unasked."""
from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from sparse3d.atomic_files import UnwritableFile, make_folder
from sparse3d.checkpoints.open import latest_checkpoint
from sparse3d.errors import ConfigError

# What mmengine writes of a training: checkpoints, the best ones, the note of the last.
OF_A_TRAINING = ('epoch_*.pth', 'iter_*.pth', 'best_*.pth', 'last_checkpoint')


def check_folder(work_dir: str | PathLike, resumed: bool, may_begin_anew: bool) -> None:
    """Refuse to begin a training among the checkpoints of another, or where none can be written.

    Raises:
        ConfigError: naming the last checkpoint and the ways on.
        UnwritableFile: if the folder cannot be made or written to.
    """
    make_work_dir(work_dir)
    last = None if resumed or may_begin_anew else latest_checkpoint(work_dir)
    if last is not None:
        raise ConfigError(
            f'{work_dir} already holds {last.name} of a training: go on from it with --resume, '
            'begin anew with --overwrite (its checkpoints are removed), or choose another '
            '--work-dir')


def make_work_dir(work_dir: str | PathLike) -> None:
    """Make the folder of logs and checkpoints, before anything long starts.

    Raises:
        UnwritableFile: if it cannot be made or written to.
    """
    make_folder(work_dir)
    if not os.access(work_dir, os.W_OK | os.X_OK):
        raise UnwritableFile(f'the folder {work_dir} is not to be written to; choose another '
                             f'--work-dir, or change its permissions')


def remove_checkpoints(work_dir: str | PathLike, but: str | PathLike | None = None) -> None:
    """Remove the checkpoints of an earlier training; logs stay, and so does the file ``but``."""
    kept = None if but is None else Path(but).resolve()
    for pattern in OF_A_TRAINING:
        for path in Path(work_dir).glob(pattern):
            if path.resolve() != kept:
                path.unlink(missing_ok=True)
