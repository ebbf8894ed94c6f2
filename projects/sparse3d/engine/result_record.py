"""Results as data: numbers together with what is needed to get them again."""
from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from sparse3d.atomic_files import make_folder, write_bytes_atomically


def result_record(results: dict[str, Any]) -> dict[str, Any]:
    """Results with command, commit, device, versions and date."""
    return {
        'command': shlex.join(['python', *sys.argv]),
        'commit': commit(),
        'device': device_name(),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
        'python': platform.python_version(),
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        **results,
    }


def write_result(path: str | os.PathLike, results: dict[str, Any]) -> None:
    """Write :func:`result_record` as JSON, whole or not at all.

    Raises:
        DataError: if the file cannot be written.
    """
    make_folder(Path(path).parent)
    text = json.dumps(result_record(results), indent=2, default=_plain)
    write_bytes_atomically(path, (text + '\n').encode())


def commit() -> str | None:
    """The commit of the source tree, with ``+`` if files differ from it; None outside of git."""
    folder = Path(__file__).parent
    try:
        name = _git(folder, 'rev-parse', '--short=12', 'HEAD')
        changed = _git(folder, 'status', '--porcelain', '--untracked-files=no')
    except (OSError, subprocess.CalledProcessError):
        return None
    return name + ('+' if changed else '')


def device_name() -> str:
    """The first GPU, or the processor and its number of cores."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'{_processor()}, {len(os.sched_getaffinity(0))} cores' \
        if hasattr(os, 'sched_getaffinity') else f'{_processor()}, {os.cpu_count()} cores'


def _processor() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        return next(line.split(':', 1)[1].strip() for line in lines
                    if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(['git', '-C', str(folder), *arguments], check=True,
                          capture_output=True, text=True).stdout.strip()


def _plain(value: Any) -> Any:
    """numpy and torch scalars and arrays as JSON has them."""
    return value.tolist() if hasattr(value, 'tolist') else str(value)
