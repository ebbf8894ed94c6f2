"""Wheels built and installed in an environment of their own, used from an empty folder."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ('projects', 'configs', 'benchmarks', 'setup.cfg', 'pyproject.toml', 'README.md',
           'LICENSE')


def build_our_wheel(folder: Path) -> Path:
    """The wheel of this source tree, built below a folder."""
    source = folder / 'source'
    source.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, symlinks=True,
                            ignore=shutil.ignore_patterns('__pycache__', '*.egg-info'))
        else:
            shutil.copy(ROOT / name, source / name)
    return build_wheel(source, folder / 'wheel')


def build_wheel(source: Path, out: Path) -> Path:
    """The wheel of a source tree, which is left as it is only if it is a copy."""
    out.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([sys.executable, '-m', 'pip', 'wheel', '.', '--no-deps', '-q',
                           '--no-build-isolation', '-w', str(out)], cwd=source,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    path, = out.glob('*.whl')
    return path


def make_environment(folder: Path, wheels: Sequence[Path]) -> Path:
    """A new virtual environment that sees the stack of this one, but not its Sparse3D."""
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', str(folder)], check=True)
    install(folder, wheels)
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    stack = {sysconfig.get_paths()[name] for name in ('purelib', 'platlib')}
    (folder / 'lib' / version / 'site-packages' / 'stack.pth').write_text('\n'.join(stack) + '\n')
    return folder


def install(environment: Path, wheels: Sequence[Path]) -> None:
    """Install wheels, and nothing that they ask for."""
    python = environment / 'bin' / 'python'
    subprocess.run([sys.executable, '-m', 'pip', '--python', str(python), 'install', '-q',
                    '--no-deps', '--no-index', *map(str, wheels)], check=True)


class Shell:
    """Runs programs of an environment in one folder.

    Args:
        environment: of :func:`make_environment`.
        here: the folder, empty at first.
    """

    def __init__(self, environment: Path, here: Path) -> None:
        self.environment, self.here = environment, here
        self.settings = {name: value for name, value in os.environ.items()
                         if not name.startswith(('PYTHON', 'SPARSE3D_'))}

    def __call__(self, program: str, *arguments: str, code: int = 0) -> str:
        """What a program printed; it has to end with ``code``."""
        done = subprocess.run([str(self.environment / 'bin' / program), *arguments], cwd=self.here,
                              capture_output=True, text=True, env=self.settings)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr
