"""A Python that has imported the stack before it is asked for: a copy of it runs each command.

Importing PyTorch, mmdet3d and open3d takes longer than most commands of the documentation do
when they are made short. What starts this process gives a folder; in it are then ``bin/python``
and ``bin/pytest``, which behave as those of the environment, but in a fork of this process: own
working folder, environment, input and output, and nothing left behind. Commands are made short
as short_commands.py says.
"""
from __future__ import annotations

import json
import os
import runpy
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from short_commands import shortened

CLIENT = Path(__file__).with_name('stand_in_client.py')


def serve(folder: Path) -> None:
    """Answer one command after the other, as long as the process that started this one lives."""
    starter = os.getppid()
    import_the_stack()
    address = str(folder / 'commands')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(10)  # seconds
        write_stand_ins(folder / 'bin', address)
        print('ready', flush=True)
        while os.getppid() == starter:
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                connection.setblocking(True)
                answer(connection)


def import_the_stack() -> None:
    """What every tool needs, and no plug-in: a config or a tool has to import it by itself."""
    import cv2  # noqa: F401
    import nuscenes  # noqa: F401
    import open3d  # noqa: F401
    import pytest  # noqa: F401

    import sparse3d.apis  # noqa: F401
    import sparse3d.simulate  # noqa: F401


def write_stand_ins(folder: Path, address: str) -> None:
    folder.mkdir()
    for name, first in (('python', ''), ('pytest', '-m pytest')):
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {CLIENT} {address} {first} "$@"\n')
        path.chmod(0o755)


def answer(connection: socket.socket) -> None:
    """Run one command in a fork and send its exit status."""
    with connection:
        head, files, _, _ = socket.recv_fds(connection, 8, 3)
        size, text = int.from_bytes(head, 'big'), b''
        while len(text) < size:
            text += connection.recv(size - len(text))
        child = os.fork()
        if child == 0:
            for number, file in enumerate(files):
                os.dup2(file, number)
            run(**json.loads(text))
        for file in files:
            os.close(file)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(str(status if status >= 0 else 128 - status).encode())


def run(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Do in this process what ``python`` with these arguments does, and end it."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code = 1
    try:
        arguments = shortened(arguments)
        print('+ python', *arguments, flush=True)
        run_python(arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run_python(arguments: list[str]) -> None:
    """``-m MODULE``, ``-c TEXT`` or a file, with what follows as its arguments."""
    first, *rest = arguments
    if first in ('-m', '-c'):
        sys.path.insert(0, os.getcwd())
        sys.argv = [first, *rest[1:]]
        if first == '-m':
            runpy.run_module(rest[0], run_name='__main__', alter_sys=True)
        else:
            exec(compile(rest[0], '<snippet>', 'exec'), {'__name__': '__main__'})
    else:
        sys.path.insert(0, str(Path(first).resolve().parent))
        sys.argv = arguments
        runpy.run_path(first, run_name='__main__')


if __name__ == '__main__':
    serve(Path(sys.argv[1]))
