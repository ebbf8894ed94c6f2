"""Servers on this machine that hold files, moto's S3 and a web server; both can be killed."""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUCKET = 'drives'
STARTING = 60.0  # seconds


@dataclass
class Server:
    """A process that serves files.

    Attributes:
        command: that starts it.
        url: where it answers.
        process: which runs now.
    """

    command: list[str]
    url: str
    process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        while time.monotonic() - begun < STARTING:
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError(f'{self.command} does not answer at {self.url}')

    def kill(self) -> None:
        """Kill it as the system would."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """moto's S3, with an empty bucket, and the variables that lead there."""
    pytest.importorskip('moto.server', reason="moto's server is not installed (extra test)")
    pytest.importorskip('s3fs', reason='the extra remote (s3fs) is not installed')
    port = _free_port()
    server = Server([sys.executable, '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(port)],
                    f'http://127.0.0.1:{port}')
    for name, value in dict(AWS_ENDPOINT_URL=server.url, AWS_ACCESS_KEY_ID='test',
                            AWS_SECRET_ACCESS_KEY='test', AWS_DEFAULT_REGION='us-east-1',
                            AWS_EC2_METADATA_DISABLED='true').items():
        monkeypatch.setenv(name, value)
    import s3fs
    s3fs.S3FileSystem.clear_instance_cache()  # one of an earlier test knows another port
    try:
        server.start()
        store().mkdir(BUCKET)
        yield server
    finally:
        server.kill()


def store():
    """The file system of the bucket, for tests to fill."""
    import s3fs
    return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


def upload(folder: Path, prefix: str) -> str:
    """Copy a folder into the bucket; its address."""
    files = store()
    for path in folder.rglob('*'):
        if path.is_file():
            files.pipe_file(f'{BUCKET}/{prefix}/{path.relative_to(folder).as_posix()}',
                            path.read_bytes())
    return f's3://{BUCKET}/{prefix}'


@contextmanager
def web_server(folder: Path) -> Iterator[Server]:
    """Python's own, over a folder; what it serves outlives it."""
    port = _free_port()
    server = Server([sys.executable, '-m', 'http.server', str(port), '--bind', '127.0.0.1',
                     '--directory', os.fspath(folder)], f'http://127.0.0.1:{port}')
    try:
        server.start()
        yield server
    finally:
        server.kill()


@contextmanager
def refusing_server() -> Iterator[tuple[str, list[str]]]:
    """A web server that answers by what it is asked for; its address, and what it was asked."""
    asked: list[str] = []
    over = threading.Event()
    places = {'/moved': '/here', '/loop': '/loop', '/elsewhere': 'file:///etc/passwd'}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == '/silent':
                over.wait(60)
                return
            code = 302 if self.path in places else int(self.path[1:].replace('here', '200'))
            self.send_response(code)
            if code == 302:
                self.send_header('Location', places[self.path])
            content = b'here' if code == 200 else b''
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f'http://127.0.0.1:{server.server_port}', asked
        finally:
            over.set()
            server.shutdown()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]
