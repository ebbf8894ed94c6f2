"""A Python that has imported the stack before it is asked for: a copy of it runs each command.

Importing PyTorch, mmdet3d and open3d takes longer than most commands of the documentation do
when they are made short. The folder that it is started with gets ``bin/python`` and
``bin/pytest``: they behave as those of the environment, but hand their work, made short as
short_commands.py says, to a fork of this process, with their own folder, environment and output.
"""
from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

# Sends arguments, folder, environment and streams; ends with the status that comes back.
CLIENT = '''#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([{first} + sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(request).to_bytes(8, 'big')], [0, 1, 2])
    server.sendall(request)
    sys.exit(int(server.recv(16) or b'70'))
'''


def serve(folder: Path) -> None:
    """Answer one command after the other, as long as the process that started this one lives."""
    import cv2  # noqa: F401  (what every tool needs, and no plug-in: a config has to name it)
    import nuscenes  # noqa: F401
    import open3d  # noqa: F401
    import pytest  # noqa: F401

    import sparse3d.apis  # noqa: F401
    import sparse3d.simulate  # noqa: F401
    starter, address = os.getppid(), str(folder / 'commands')
    (folder / 'bin').mkdir()
    for name, first in (('python', []), ('pytest', ['-m', 'pytest'])):
        script = folder / 'bin' / name
        script.write_text(CLIENT.format(python=sys.executable, address=address, first=first))
        script.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        listener.settimeout(10)  # seconds
        print('ready', flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
        while os.getppid() == starter:
            with suppress(TimeoutError):
                connection, _ = listener.accept()
                with connection:
                    if os.fork() == 0:
                        run(connection)


def run(connection: socket.socket) -> None:
    """Do in this process what ``python`` with these arguments does, say how it ended, and end."""
    from short_commands import shortened
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.setblocking(True)
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    request = connection.makefile('rb').read(int.from_bytes(head, 'big'))
    arguments, folder, environment = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    code: object = 1
    try:
        arguments = shortened(arguments)
        print('+ python', *arguments, flush=True)
        run_python(*arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(str(code if isinstance(code, int) else 1).encode())
    os._exit(0)


def run_python(first: str, *rest: str) -> None:
    """``-m MODULE``, ``-c TEXT`` or a file, with what follows as its arguments."""
    inline = first in ('-m', '-c')
    sys.path.insert(0, os.getcwd() if inline else str(Path(first).resolve().parent))
    sys.argv = [first, *(rest[1:] if inline else rest)]
    if first == '-m':
        runpy.run_module(rest[0], run_name='__main__', alter_sys=True)
    elif first == '-c':
        exec(compile(rest[0], '<snippet>', 'exec'), {'__name__': '__main__'})
    else:
        runpy.run_path(first, run_name='__main__')


if __name__ == '__main__':
    serve(Path(sys.argv[1]))
