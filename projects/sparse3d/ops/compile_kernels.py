"""Build of the compiled kernels with the system's C++ compiler, in a few seconds.

``make install`` and ``sparse3d doctor --compile`` call it; nothing else does, so no training stops
to compile. The library has a C interface and knows nothing of Python or torch: one build serves
every version of both.
"""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sparse3d.atomic_files import UnwritableFile, atomic_file, make_folder
from sparse3d.errors import BackendUnavailable
from sparse3d.ops import kernel_places

COMPILERS = ('c++', 'g++', 'clang++')
PROBE = 'import ctypes, sys; ctypes.CDLL(sys.argv[1])'
SECONDS = 300


def find_compiler() -> list[str]:
    """The C++ compiler to use: ``CXX`` where it is set, else one of the path.

    Returns:
        Its path, then the arguments that ``CXX`` names behind it (``ccache g++``).

    Raises:
        BackendUnavailable: if there is none.
    """
    wanted = os.environ.get('CXX', '').strip()
    for name in (wanted,) if wanted else COMPILERS:
        for command in ([name], name.split()):  # a path may have a space
            found = shutil.which(command[0])
            if found:
                return [found, *command[1:]]
    looked_for = wanted or ', '.join(COMPILERS)
    raise BackendUnavailable(f'no C++ compiler was found (looked for {looked_for}); install g++, '
                             f'or set CXX. Without one everything runs in plain PyTorch')


def compile_kernels() -> Path:
    """Build the library of this machine and enter it in the first folder that can be written to.

    Returns:
        Path of the library.

    Raises:
        BackendUnavailable: without a compiler, or with the compiler's first error.
        UnwritableFile: if no folder can be written to.
    """
    if kernel_places.is_off():
        raise BackendUnavailable(f'{kernel_places.SETTING}=off keeps kernels from being built; '
                                 'unset it')
    compiler = find_compiler()
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / 'kernels.so'
        _compile(compiler, built)
        return _keep(built.read_bytes(), compiler)


def _compile(compiler: list[str], target: Path) -> None:
    flags = [*kernel_places.FLAGS, *kernel_places.BY_LEVEL.get(kernel_places.level(), ())]
    sources = map(str, kernel_places.source_files())
    command = [*compiler, *flags, *sources, '-o', str(target)]
    probe = [sys.executable, '-c', PROBE, str(target)]
    threaded = _run([*command, '-fopenmp'])
    if threaded.returncode == 0 and _run(probe).returncode == 0:
        return
    alone = _run(command)  # a compiler without OpenMP: right, with one thread
    if alone.returncode or _run(probe).returncode:
        lines = (threaded.stderr + alone.stderr).strip().splitlines()
        said = next((line for line in lines if 'error' in line), lines[0] if lines else 'no output')
        raise BackendUnavailable(f'{" ".join(compiler)} cannot build the kernels: {said[:200]}; '
                                 'everything runs in plain PyTorch')


def _run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=SECONDS)


def _keep(library: bytes, compiler: list[str]) -> Path:
    digest = hashlib.sha256(library).hexdigest()
    version = _run([*compiler, '--version']).stdout.splitlines()
    listed = dict(file=f'{kernel_places.key()}-{digest[:12]}.so', sha256=digest,
                  compiler=version[0] if version else compiler[0], level=kernel_places.level())
    failures = []
    for folder in kernel_places.folders():
        try:
            return _write(folder, library, listed)
        except UnwritableFile as error:
            failures.append(error)
    if failures:
        raise failures[0]
    raise UnwritableFile('there is no folder to keep the kernels in, as this user has no home; '
                         f'name one in {kernel_places.SETTING}')


def _write(folder: Path, library: bytes, listed: dict[str, str]) -> Path:
    make_folder(folder, mode=0o755)
    path = folder / listed['file']
    if not kernel_places.is_only_ours(folder):  # nothing would be loaded from there
        raise UnwritableFile(f'others may write to {folder}, so that kernels there would not be '
                             f'trusted; name another folder in {kernel_places.SETTING}, or make '
                             'this one writable to you alone')
    for target, content in ((path, library),  # the list last: it names only what is there
                            (kernel_places.list_file(folder), json.dumps(listed).encode())):
        with atomic_file(target) as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(content)
    return path


def main() -> int:
    """Build, and say in one line what came of it; a machine without a compiler is no error."""
    try:
        print(f'compiled kernels: {compile_kernels()} ({kernel_places.level()})')
    except (BackendUnavailable, UnwritableFile, subprocess.TimeoutExpired, OSError) as error:
        print(f'compiled kernels: none: {error}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
