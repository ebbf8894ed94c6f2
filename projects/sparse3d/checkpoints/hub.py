"""Weights and config from a hub: ``hf://organization/name``, by ``huggingface_hub``.

A repository holds what ``sparse3d publish`` writes: ``model.safetensors``, ``config.py``
(assignments of literals, read as data and never run, :mod:`sparse3d.stored_config`), ``SHA256SUMS``
and a model card. Files are kept in the cache of ``huggingface_hub`` (``HF_HUB_CACHE``) and looked
at again each time: their SHA-256 has to be the one that ``SHA256SUMS`` says. ``HF_ENDPOINT`` names
another server, ``HF_HUB_OFFLINE=1`` asks none.
"""
from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from sparse3d.checkpoints.safetensors_files import SUFFIX
from sparse3d.errors import BackendUnavailable, CheckpointError

SCHEME = 'hf://'
WEIGHTS, CONFIG, SUMS = f'model{SUFFIX}', 'config.py', 'SHA256SUMS'
ADDRESS = re.compile(r'hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?')
SUM = re.compile(r'[0-9a-f]{64}')
PICKLES = ('.bin', '.pth', '.pt', '.ckpt', '.pkl')


@dataclass(frozen=True)
class HubFiles:
    """What of a repository is needed: the file of the weights, and the text of the config."""

    weights: Path
    config: str


def is_hub_address(path: object) -> bool:
    """Whether something names a repository of a hub."""
    return isinstance(path, str | PathLike) and str(path).startswith(SCHEME)


def fetch_repository(address: str) -> HubFiles:
    """The files of a repository, from the cache or the hub.

    Args:
        address: ``hf://organization/name``, perhaps with ``@`` and a branch, tag or commit.

    Raises:
        CheckpointError: if the address is none, the hub does not answer or does not know it, a file
            is not what ``SHA256SUMS`` says, or there are weights as pickles only.
        BackendUnavailable: if huggingface_hub is not installed.
    """
    repository, revision = _parts(address)
    sums = read_sums(_text(_fetched(address, repository, revision, SUMS), address), address)
    weights = _fetched(address, repository, revision, WEIGHTS)
    _check(weights, WEIGHTS, sums, address)
    config = _fetched(address, repository, revision, CONFIG)
    _check(config, CONFIG, sums, address)
    return HubFiles(weights, _text(config, address))


def read_sums(text: str, where: str) -> dict[str, str]:
    """Names to sums, of lines as ``sha256sum`` writes them.

    Raises:
        CheckpointError: for other lines, or where the weights or the config have none.
    """
    sums = {}
    for line in text.splitlines():
        digest, _, name = line.partition('  ')
        if not SUM.fullmatch(digest) or not name:
            raise CheckpointError(f'{where}: {SUMS} has the line {line!r:.80}, which is no SHA-256 '
                                  f'and name')
        sums[name] = digest
    for name in (WEIGHTS, CONFIG):
        if name not in sums:
            raise CheckpointError(f'{where}: {SUMS} says nothing of {name}; publish it again with '
                                  f'"sparse3d publish"')
    return sums


def sum_of(path: str | PathLike) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, 'rb') as stream:
        return hashlib.file_digest(stream, 'sha256').hexdigest() if hasattr(
            hashlib, 'file_digest') else hashlib.sha256(stream.read()).hexdigest()


def _parts(address: str) -> tuple[str, str | None]:
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise CheckpointError(f'{address} names no repository of a hub; write '
                              f'hf://organization/name or hf://organization/name@revision')
    return found[1], found[2]


def _fetched(address: str, repository: str, revision: str | None, name: str) -> Path:
    try:
        from huggingface_hub import errors, hf_hub_download
    except ImportError as error:
        raise BackendUnavailable(f'{address} needs huggingface_hub: "pip install '
                                 f'huggingface_hub", or the extra hub') from error
    try:
        return Path(hf_hub_download(
            repository, name, revision=revision, endpoint=os.environ.get('HF_ENDPOINT') or None,
            cache_dir=os.environ.get('HF_HUB_CACHE') or None, local_files_only=_is_offline()))
    except errors.LocalEntryNotFoundError as error:
        raise CheckpointError(f'{address}: {name} is not in the cache, and the hub was not asked '
                              f'or did not answer (HF_HUB_OFFLINE, HF_ENDPOINT); load it once '
                              f'while connected') from error
    except errors.EntryNotFoundError as error:
        raise CheckpointError(_without(address, repository, revision, name)) from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise CheckpointError(f'{address}: the hub has no such repository or revision, or it is '
                              f'private (huggingface-cli login)') from error
    except (OSError, ValueError, errors.HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()
        raise CheckpointError(f'{address}: {name} could not be fetched: '
                              f'{reason[0] if reason else type(error).__name__}') from error


def _is_offline() -> bool:
    return os.environ.get('HF_HUB_OFFLINE', '').upper() in ('1', 'ON', 'YES', 'TRUE')


def _without(address: str, repository: str, revision: str | None, name: str) -> str:
    """The sentence for a file that is missing; weights as pickles are named."""
    names: list[str] = []
    with suppress(Exception):
        from huggingface_hub import HfApi
        names = HfApi(os.environ.get('HF_ENDPOINT') or None).list_repo_files(
            repository, revision=revision)
    pickles = [each for each in names if each.lower().endswith(PICKLES)]
    if pickles and not any(each.endswith(SUFFIX) for each in names):
        return (f'{address} holds weights as a pickle only ({pickles[0]}), which may run anything '
                f'when it is read; fetch it by hand and turn it into safetensors with "sparse3d '
                f'publish"')
    return f'{address} holds no {name}; it is no repository that "sparse3d publish" wrote'


def _check(path: Path, name: str, sums: Mapping[str, str], address: str) -> None:
    found = sum_of(path)
    # In the cache of huggingface_hub a large file is named by the SHA-256 that the hub has of it.
    of_hub = path.resolve().name if SUM.fullmatch(path.resolve().name) else sums[name]
    if found == sums[name] == of_hub:
        return
    with suppress(OSError):  # or the next try would take it for whole
        path.resolve().unlink()
        path.unlink(missing_ok=True)
    raise CheckpointError(f'{address}: {name} has the SHA-256 {found[:12]}..., {SUMS} says '
                          f'{sums[name][:12]}...: it was cut short, damaged or exchanged; it was '
                          f'removed from the cache, load it again')


def _text(path: Path, address: str) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f'{address}: {path.name} is no text: {error}') from error
