"""Weights from a hub: a server on this machine that answers the hub's routes."""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from sparse3d.checkpoints.hub import (
    CONFIG,
    SUMS,
    WEIGHTS,
    fetch_repository,
    is_hub_address,
    read_sums,
    sum_of,
)
from sparse3d.checkpoints.safetensors_files import safetensors_bytes
from sparse3d.errors import CheckpointError

COMMIT = '0123456789abcdef0123456789abcdef01234567'


class Hub(BaseHTTPRequestHandler):
    """``/organization/name/resolve/main/file`` and the list of files, of folders below a root."""

    root: Path

    def do_HEAD(self) -> None:  # noqa: N802  (of the base class)
        self._answer(with_body=False)

    def do_GET(self) -> None:  # noqa: N802
        self._answer(with_body=True)

    def log_message(self, *_) -> None:
        """Nothing on the terminal."""

    def _answer(self, with_body: bool) -> None:
        parts = self.path.partition('?')[0].strip('/').split('/')
        if parts[0] == 'api':
            folder = self.root / parts[2] / parts[3]
            content = json.dumps([dict(type='file', path=path.name, size=path.stat().st_size,
                                       oid='0' * 40) for path in folder.iterdir()]).encode()
            return self._send(200, content, True, {'Content-Type': 'application/json'})
        folder = self.root / parts[0] / parts[1]
        path = folder / parts[4]
        if not folder.is_dir() or not path.is_file():
            code = 'EntryNotFound' if folder.is_dir() else 'RepoNotFound'
            return self._send(404, b'', with_body, {'X-Error-Code': code,
                                                    'X-Repo-Commit': COMMIT})
        content = path.read_bytes()
        etag = hashlib.sha256(content).hexdigest() if path.suffix == '.safetensors' else \
            hashlib.sha1(content).hexdigest()
        return self._send(200, content, with_body, {'ETag': f'"{etag}"', 'X-Repo-Commit': COMMIT})

    def _send(self, status: int, content: bytes, with_body: bool, headers: dict) -> None:
        self.send_response(status)
        for name, value in {**headers, 'Content-Length': str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(content)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Folder of repositories that the library asks for, its cache empty."""
    pytest.importorskip('huggingface_hub', reason='huggingface_hub is not installed (extra: hub)')
    root = tmp_path / 'repositories'
    root.mkdir()
    server = ThreadingHTTPServer(('127.0.0.1', 0), type('Here', (Hub, ), dict(root=root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f'http://127.0.0.1:{server.server_port}'
    monkeypatch.setenv('HF_ENDPOINT', address)
    monkeypatch.setenv('HF_HUB_CACHE', str(tmp_path / 'cache'))
    yield root
    server.shutdown()
    server.server_close()


def repository(root: Path, name: str = 'one/car', text: str = "class_names = ['Car']\n") -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(safetensors_bytes({'a': torch.arange(3.)}, {}))
    (folder / CONFIG).write_text(text)
    (folder / SUMS).write_text(''.join(f'{sum_of(folder / each)}  {each}\n'
                                       for each in (WEIGHTS, CONFIG)))
    return folder


def test_files_come_from_the_hub_then_from_the_cache_and_offline(hub, monkeypatch):
    folder = repository(hub)
    files = fetch_repository('hf://one/car')
    assert files.config == "class_names = ['Car']\n"
    assert sum_of(files.weights) == sum_of(folder / WEIGHTS)
    shutil.rmtree(folder)
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    assert fetch_repository(f'hf://one/car@{COMMIT}').config == files.config
    with pytest.raises(CheckpointError, match=r'hf://two/car: SHA256SUMS is not in the cache, and'):
        fetch_repository('hf://two/car')


@pytest.mark.parametrize('name', [WEIGHTS, CONFIG])
def test_a_wrong_sum_is_refused_and_leaves_the_cache(hub, name):
    folder = repository(hub)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-1])  # cut short
    with pytest.raises(CheckpointError, match=f'{name} has the SHA-256 .* was cut short, damaged'):
        fetch_repository('hf://one/car')
    (folder / name).write_bytes(whole)
    assert fetch_repository('hf://one/car').weights.is_file()


def test_a_damaged_file_in_the_cache_is_found(hub):
    repository(hub)
    path = fetch_repository('hf://one/car').weights.resolve()
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-2] + b'aa')
    with pytest.raises(CheckpointError, match='it was removed from the cache, load it again'):
        fetch_repository('hf://one/car')
    assert fetch_repository('hf://one/car').weights.is_file()


def test_a_download_that_ends_early_is_refused(hub, monkeypatch):
    repository(hub)
    send = Hub._send

    def short(self, status, content, with_body, headers):
        if with_body and WEIGHTS in self.path:
            self.send_response(status)
            for name, value in {**headers, 'Content-Length': str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[:-5])
            self.close_connection = True
        else:
            send(self, status, content, with_body, headers)

    monkeypatch.setattr(Hub, '_send', short)
    with pytest.raises(CheckpointError, match='model.safetensors could not be fetched: '):
        fetch_repository('hf://one/car')


def test_a_repository_of_pickles_is_refused_by_their_name(hub):
    folder = repository(hub)
    (folder / WEIGHTS).rename(folder / 'pytorch_model.bin')
    with pytest.raises(CheckpointError, match=r'as a pickle only \(pytorch_model.bin\)'):
        fetch_repository('hf://one/car')


def test_what_is_no_repository_of_ours_is_told(hub):
    folder = repository(hub)
    (folder / SUMS).unlink()
    with pytest.raises(CheckpointError, match='holds no SHA256SUMS; it is no repository that'):
        fetch_repository('hf://one/car')
    with pytest.raises(CheckpointError, match='the hub has no such repository or revision'):
        fetch_repository('hf://nobody/car')


@pytest.mark.parametrize('address', ['hf://car', 'hf://one/car/more', 'hf://', 'hf://one/car@'])
def test_other_addresses_are_refused(address):
    with pytest.raises(CheckpointError, match='names no repository of a hub; write hf://organiz'):
        fetch_repository(address)


def test_what_is_an_address():
    assert is_hub_address('hf://one/car') and is_hub_address('hf://car')
    assert not is_hub_address('a.pth') and not is_hub_address(None)


def test_sums_name_the_weights_and_the_config():
    line = 'a' * 64 + f'  {WEIGHTS}\n'
    with pytest.raises(CheckpointError, match='says nothing of config.py'):
        read_sums(line, 'here')
    with pytest.raises(CheckpointError, match='has the line .*, which is no SHA-256 and name'):
        read_sums('abc  def', 'here')
    assert read_sums(line + 'b' * 64 + f'  {CONFIG}', 'here') == {WEIGHTS: 'a' * 64,
                                                                  CONFIG: 'b' * 64}


CHILD = '''
import sys
from sparse3d.checkpoints.open import open_checkpoint
print(sorted(open_checkpoint('hf://one/car').weights))
'''


@pytest.mark.slow
def test_the_environment_names_the_hub_and_says_offline(hub):
    """``HF_ENDPOINT`` and ``HF_HUB_OFFLINE``, as the library reads them when it is imported."""
    folder = repository(hub)
    for offline in ('0', '1'):
        done = subprocess.run([sys.executable, '-c', CHILD], capture_output=True, text=True,
                              env=dict(os.environ, HF_HUB_OFFLINE=offline))
        assert done.stdout == "['a']\n", done.stderr
        shutil.rmtree(folder, ignore_errors=True)
