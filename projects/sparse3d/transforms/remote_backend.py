"""The file backend of mmengine for paths with a scheme, for its own readers and joins.

mmengine 0.10.7 has backends for ``s3://`` (petrel_client, which nobody can install any more) and
``http://`` (which joins no paths); both schemes come here, and the others that fsspec knows.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.fileio import BaseStorageBackend, register_backend

from sparse3d.remote_files import local_copy, read_remote, remote_exists

SCHEMES = ('s3', 'http', 'https', 'gs', 'gcs', 'az', 'abfs')


class RemoteBackend(BaseStorageBackend):
    """Reads through :mod:`sparse3d.remote_files`; writes nothing."""

    def get(self, filepath: str | os.PathLike) -> bytes:
        """Content of a file."""
        return read_remote(filepath)

    def get_text(self, filepath: str | os.PathLike, encoding: str = 'utf-8') -> str:
        """Content of a file of text."""
        return read_remote(filepath).decode(encoding)

    def exists(self, filepath: str | os.PathLike) -> bool:
        """Whether there is such a file."""
        return remote_exists(filepath)

    isfile = exists

    def join_path(self, filepath: str | os.PathLike, *filepaths: str | os.PathLike) -> str:
        """Names below an address."""
        return '/'.join([str(filepath).rstrip('/'),
                         *(str(name).strip('/') for name in filepaths if str(name))])

    @contextmanager
    def get_local_path(self, filepath: str | os.PathLike) -> Iterator[Path]:
        """A copy here, in the block."""
        with local_copy(filepath) as path:
            yield path


register_backend('sparse3d_remote', RemoteBackend, force=True, prefixes=list(SCHEMES))
