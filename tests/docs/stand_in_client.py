"""Hands a command to the process of stand_in_python.py and ends with its exit status."""
from __future__ import annotations

import json
import os
import socket
import sys


def main(path: str, arguments: list[str]) -> int:
    request = json.dumps(dict(arguments=arguments, folder=os.getcwd(),
                              environment=dict(os.environ))).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [len(request).to_bytes(8, 'big')], [0, 1, 2])
        connection.sendall(request)
        return int(connection.recv(16) or b'70')


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
