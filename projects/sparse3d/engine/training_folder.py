"""The folder of a training: an earlier one's checkpoints are not written over unasked.

What fails before the first batch, or only looks, leaves nothing in it.
"""
from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Protocol

from mmengine.dist import is_main_process

from sparse3d.atomic_files import (
    UnwritableFile,
    make_folder,
    move_file,
    write_bytes_atomically,
)
from sparse3d.checkpoints.open import latest_checkpoint
from sparse3d.engine.training_log import SCALARS
from sparse3d.errors import ConfigError, Sparse3DError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
# Of a training: checkpoints, the best ones, the note of the last, what a pre-training taught.
OF_A_TRAINING = ('epoch_*.pth', 'iter_*.pth', 'best_*.pth', 'last_checkpoint', 'encoder.pth')


def check_folder(work_dir: str | PathLike, resumed: bool, may_begin_anew: bool) -> None:
    """Refuse to begin a training among the checkpoints of another, or where none can be written.

    Raises:
        ConfigError: naming the last checkpoint and the ways on.
        UnwritableFile: if the folder cannot be made or written to.
    """
    check_writable(work_dir)
    last = None if resumed or may_begin_anew else latest_checkpoint(work_dir)
    if last is not None:
        raise ConfigError(
            f'{work_dir} already holds {last.name} of a training: go on from it with --resume, '
            'begin anew with --overwrite (its checkpoints are removed), or choose another '
            '--work-dir')


def check_place_of_resumed(work_dir: str | PathLike, checkpoint: str | PathLike) -> None:
    """Refuse to go on from a checkpoint that lies elsewhere among those of another training.

    Raises:
        ConfigError: naming both, and the ways on.
    """
    last = latest_checkpoint(work_dir)
    if last is not None and Path(checkpoint).resolve().parent != Path(work_dir).resolve():
        raise ConfigError(
            f'{work_dir} already holds {last.name} of a training, and {checkpoint}, from which '
            f'this one goes on, lies elsewhere: checkpoints would be written over; choose another '
            f'--work-dir, or go on from {last.name} with --resume alone')


def check_writable(work_dir: str | PathLike) -> None:
    """Refuse a folder of logs and checkpoints that cannot be made or written to; make nothing.

    Raises:
        UnwritableFile: naming the folder and what stands in the way.
    """
    there = next(path for path in (Path(work_dir), *Path(work_dir).absolute().parents)
                 if path.exists())
    if not there.is_dir():
        raise UnwritableFile(f'the folder {work_dir} could not be made: {there} is a file; choose '
                             'another --work-dir')
    if not os.access(there, os.W_OK | os.X_OK):
        raise UnwritableFile(f'the folder {there} is not to be written to; choose another '
                             '--work-dir, or change its permissions')


def remove_checkpoints(work_dir: str | PathLike, but: str | PathLike | None = None) -> None:
    """Remove the checkpoints of an earlier training; logs stay, and so does the file ``but``.

    Its logged numbers get another name, or they would be drawn as those of the new training.
    """
    kept = None if but is None else Path(but).resolve()
    for pattern in OF_A_TRAINING:
        for path in Path(work_dir).glob(pattern):
            if path.resolve() != kept:
                path.unlink(missing_ok=True)
    for path in Path(work_dir).glob(SCALARS):
        move_file(path, path.with_name(f'{path.stem}_of_removed{path.suffix}'))


@contextmanager
def explained_full_disk(work_dir: str | PathLike, way_on: str) -> Iterator[None]:
    """Turn the error of a log on a full or read-only disk into a sentence.

    Args:
        work_dir: folder of the logs.
        way_on: what to do once there is room.

    Raises:
        UnwritableFile: in place of the system's error, which stays its cause.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = error.filename or f'a file in {work_dir}'
        raise UnwritableFile(f'{where} could not be written: {error.strerror}; make room and '
                             f'{way_on}') from error


class Begun(Protocol):
    """What says whether a batch went through the loops: the runner."""

    begun: bool


class Attempt:
    """A training or test in a folder, which is as it was if nothing came of it.

    The runner writes logs and a copy of the config while it is built. They are removed where an
    error of the user's stops it before the first batch, and after a look.

    Args:
        work_dir: the folder, made if it is not there.

    Attributes:
        runner: set as soon as there is one.
        only_looks: leave nothing in any case.

    Raises:
        UnwritableFile: if the folder cannot be made.
    """

    def __init__(self, work_dir: str | PathLike, only_looks: bool = False) -> None:
        self.folder, self.only_looks = Path(work_dir), only_looks
        self.runner: Begun | None = None

    def __enter__(self) -> Attempt:
        self._made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        make_folder(self.folder)
        self._before = set(self.folder.iterdir())
        self._configs = {path: path.read_bytes() for path in self._before
                         if path.suffix == '.py' and path.is_file()}  # written over by mmengine
        return self

    def __exit__(self, kind: type | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        failed = isinstance(error, Sparse3DError) and not (self.runner and self.runner.begun)
        if (failed or self.only_looks) and is_main_process():
            self._clean()

    def _clean(self) -> None:
        for path in set(self.folder.iterdir()) - self._before:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for path, content in self._configs.items():
            write_bytes_atomically(path, content)
        for path in self._made:
            with suppress(OSError):  # somebody else put something there meanwhile
                path.rmdir()
