"""Files of object stores and web servers, read through fsspec; nothing is written there.

Two environment variables say how:

- ``SPARSE3D_REMOTE_CACHE``: a local folder that keeps what was read once. A file there is not
  asked for again, unless it was damaged: remove the folder when the files behind it change.
- ``SPARSE3D_REMOTE_PATIENCE``: seconds in which a server that does not answer is asked again,
  30 by default. A file that is not there, or may not be read, is an error at once.

What an endpoint and its keys are is said to the backend in its own way: ``AWS_ENDPOINT_URL``,
``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` or ``~/.aws``; ``FSSPEC_S3_ANON=true`` for public
buckets.
"""
from __future__ import annotations

import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from sparse3d.atomic_files import make_folder, write_bytes_atomically
from sparse3d.errors import BackendUnavailable, DataError
from sparse3d.remote_paths import EXTRA, address_of, scheme_of

CACHE, PATIENCE = 'SPARSE3D_REMOTE_CACHE', 'SPARSE3D_REMOTE_PATIENCE'
_PAUSE = 0.5  # seconds before the second try; doubled each time
_MAX_PAUSE = 8.0
Result = TypeVar('Result')


def read_remote(path: str | os.PathLike) -> bytes:
    """Read a file with a scheme, from the cache where it is kept.

    Raises:
        DataError: if it does not exist, may not be read, or the server does not answer.
        BackendUnavailable: if the package for the scheme is not installed.
    """
    address = address_of(path)
    kept = _kept(address)
    content = None if kept is None else _whole(kept)
    if content is not None:
        return content
    content = _patiently(address, lambda files: files.cat_file(address))
    if kept is not None:
        make_folder(kept.parent)
        write_bytes_atomically(kept, content)
        write_bytes_atomically(_sum_of(kept), _checksum(content))
    return content


def remote_exists(path: str | os.PathLike) -> bool:
    """Whether there is such a file; errors as :func:`read_remote`."""
    address = address_of(path)
    kept = _kept(address)
    return (kept is not None and kept.is_file()) or \
        _patiently(address, lambda files: files.isfile(address))


def remote_names(folder: str | os.PathLike) -> set[str] | None:
    """Names in a folder; None where servers tell none (http). Errors as :func:`read_remote`."""
    address = address_of(folder)
    if scheme_of(address) in ('http', 'https'):
        return None
    try:
        found = _patiently(address, lambda files: files.ls(address, detail=False))
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return set()
        raise
    return {PurePosixPath(name).name for name in found}


@contextmanager
def local_copy(path: str | os.PathLike) -> Iterator[Path]:
    """A file with a scheme as one on this machine: in the cache, or for the block alone."""
    address = address_of(path)
    kept = _kept(address)
    content = read_remote(address)
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, PurePosixPath(address).name)
        write_bytes_atomically(copy, content)
        yield copy


def _kept(address: str) -> Path | None:
    """Where the cache has a file; None without a cache."""
    folder = os.environ.get(CACHE)
    if not folder:
        return None
    digest = hashlib.sha256(address.encode()).hexdigest()
    return Path(folder, digest[:2], f'{digest[2:34]}-{PurePosixPath(address).name[-100:]}')


def _whole(kept: Path) -> bytes | None:
    """What the cache has, if it is as it was written; a part of a cloud may look like a whole."""
    try:
        content, noted = kept.read_bytes(), _sum_of(kept).read_bytes()
    except OSError:
        return None
    return content if noted == _checksum(content) else None


def _sum_of(kept: Path) -> Path:
    return kept.with_name(f'{kept.name}.crc32')


def _checksum(content: bytes) -> bytes:
    return b'%08x %d' % (zlib.crc32(content), len(content))


def _patiently(address: str, call: Callable[[Any], Result]) -> Result:
    """Ask a server until it answers, or the patience is over."""
    patience = _patience()
    files = _files_of(address, patience)
    begun, pause = time.monotonic(), _PAUSE
    while True:
        try:
            return call(files)
        except FileNotFoundError as error:
            raise DataError(f'{address} does not exist') from error
        except PermissionError as error:
            raise DataError(f'{address} may not be read ({_first_line(error)}); check the keys '
                            f'and the endpoint') from error
        except Exception as error:  # each backend has errors of its own
            refusal = _refusal(error)
            if refusal:
                raise DataError(f'{address} cannot be read: {refusal} ({_first_line(error)})'
                                ) from error
            if _is_missing_credentials(error):
                raise DataError(f'{address} needs keys, and there are none; set AWS_ACCESS_KEY_ID '
                                f'and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true for a public '
                                f'bucket') from error
            passed = time.monotonic() - begun
            if passed + pause > patience:
                raise DataError(f'{address} cannot be read: the server did not answer for '
                                f'{patience:g} s ({type(error).__name__}: {_first_line(error)}); '
                                f'run again when it does, or set {PATIENCE}') from error
            time.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)


def _files_of(address: str, patience: float) -> Any:
    scheme = scheme_of(address)
    try:
        import fsspec
        return fsspec.filesystem(scheme, skip_instance_cache=False, use_listings_cache=False,
                                 **_options(scheme, patience))
    except ImportError as error:
        missing = getattr(error, 'name', None) or 'fsspec'
        raise BackendUnavailable(f'{address} needs a package that is not installed '
                                 f'({missing if "install" not in str(error).lower() else error}): '
                                 f'{EXTRA}') from error
    except (ValueError, TypeError) as error:  # TypeError: more is asked for than an address
        raise DataError(f'{address} has a scheme that nothing reads, {scheme}://; use s3://, '
                        f'http:// or https://, or another one for which fsspec needs no more '
                        f'than the address') from error


def _options(scheme: str, patience: float) -> dict[str, Any]:
    """A web server may be silent as long as we are patient; a large file may take any time."""
    if scheme not in ('http', 'https'):
        return {}
    import aiohttp
    silence = max(1.0, patience)
    return dict(client_kwargs=dict(timeout=aiohttp.ClientTimeout(
        total=None, sock_connect=silence, sock_read=silence)))


def _refusal(error: Exception) -> str:
    """What a server said that it would say again; empty where another try may help."""
    if type(error).__name__ in ('TooManyRedirects', 'NonHttpUrlRedirectClientError',
                                'InvalidUrlRedirectClientError'):
        return 'the server leads elsewhere without an end, or to what is no web server'
    if type(error).__name__ == 'ParamValidationError':  # of botocore
        return 'it names no file of a bucket'
    status = getattr(error, 'status', None)
    if not isinstance(status, int) or not 400 <= status < 500 or status in (408, 425, 429):
        return ''
    if status in (401, 403, 407):
        return 'the server does not allow it; check the address, and its keys'
    return 'the server refuses it; check the address'


def _patience() -> float:
    text = os.environ.get(PATIENCE, '30')
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float('inf'):
        raise DataError(f'{PATIENCE} is {text!r}; give seconds')
    return seconds


def _is_missing_credentials(error: Exception) -> bool:
    return type(error).__name__ in ('NoCredentialsError', 'PartialCredentialsError')


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
