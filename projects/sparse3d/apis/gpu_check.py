"""What can be checked on a GPU in a short time, as one file for whoever has one to send back.

Each part runs in a process of its own under a time limit, so that one that fails, hangs or kills
its process leaves the others alone.
"""
from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from sparse3d.engine.result_record import write_result
from sparse3d.errors import BackendUnavailable
from sparse3d.plugins import offers, plugins

MINUTES = 10  # for all parts together
SECONDS = 100  # that a part may take
BENCHMARK_SECONDS = 60
STEPS = 200
NO_GPU = ('torch finds no GPU on this machine, so nothing was checked; `sparse3d doctor` says why, '
          'and what works without one')


@dataclass(frozen=True)
class Part:
    """One part of the check.

    Attributes:
        name: ``'doctor'``, ``'operators'``, or a kind and a name: ``'system: ...'``.
        seconds: that it took.
        rows: ``name``, ``state`` (``'ok'``, ``'note'``, ``'broken'``), ``value``, more numbers.
    """

    name: str
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def state(self) -> str:
        states = [row['state'] for row in self.rows]
        return 'broken' if 'broken' in states else 'note' if 'note' in states else 'ok'


def gpu_check(out: str | PathLike, parts: Sequence[str] = (),
              run: Callable[[str], Part] | None = None,
              show: Callable[[Part], None] = lambda part: None,
              minutes: float = MINUTES) -> list[Part]:
    """Run all parts and write one JSON file.

    The file is written anew after each part: what is known stays, whatever comes.

    Args:
        out: the file.
        parts: names of the parts to run; default: all.
        minutes: after which no part is begun and the one that runs is stopped; what was left out
            is said in the file.
        run: how a part is run; default: in a process of its own.
        show: called with each part when it is done.

    Raises:
        BackendUnavailable: if torch finds no GPU, or there is no such part.
    """
    import torch
    if not torch.cuda.is_available():
        raise BackendUnavailable(NO_GPU)
    known = part_names()
    unknown = [name for name in parts if name not in known]
    if unknown:
        raise BackendUnavailable(f'gpu-check has no part {unknown[0]!r}; it has '
                                 f'{", ".join(known)}')
    found: list[Part] = []
    end = time.monotonic() + 60 * minutes
    for name in parts or known:
        left = end - time.monotonic()
        found.append(_left_out(name, minutes) if left <= 0 else run(name) if run
                     else run_in_own_process(name, seconds_left=left))
        show(found[-1])
        write_result(out, dict(parts=[dict(asdict(part), state=part.state) for part in found],
                               packages=_versions()))
    return found


def part_names() -> list[str]:
    """All parts, in their order: those that plug-ins offer come after the core's own."""
    trials = [name for owner in plugins().values() for name in owner.trial_configs]
    methods = [name for name, owner in plugins().items() if owner.trial_configs and owner.modules]
    return ['doctor', 'operators', *(f'golden: {name}' for name in methods),
            *(f'system: {name}' for name in trials),
            *(f'training: {name}' for name in trials[:1]),
            *(f'benchmark: {name}' for name in _benchmarks_of_models())]


def _left_out(name: str, minutes: float) -> Part:
    return Part(name, 0.0, [dict(
        name=name, state='note', value=f'left out: {minutes:g} minutes were over; '
                                       f'sparse3d gpu-check --parts "{name}" runs it')])


def run_in_own_process(name: str, command: Sequence[str] = (),
                       seconds_left: float | None = None) -> Part:
    """A part in a new process; what it left behind where it ends before its time.

    Args:
        name: of the part.
        command: what is started instead, for tests.
        seconds_left: of the time for all parts; None without a bound.
    """
    started = time.monotonic()
    limit = BENCHMARK_SECONDS if name.startswith('benchmark') else SECONDS
    if seconds_left is not None:
        limit = min(limit, math.ceil(seconds_left))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'part.json'
        command = list(command) or [sys.executable, '-m', 'sparse3d.apis.gpu_check']
        try:
            done = subprocess.run([*command, name, str(out)], capture_output=True, text=True,
                                  timeout=limit)
            said, ended = done.stderr, f'ended with status {done.returncode}'
        except subprocess.TimeoutExpired:
            said, ended = '', f'took more than {limit} s and was stopped'
        if out.exists():
            rows = json.loads(out.read_text())
        else:
            last = (said.strip().splitlines() or [''])[-1][:300]
            rows = [dict(name=name, state='broken', value=f'{ended} {last}'.strip(),
                         said=said[-4000:])]
    return Part(name, round(time.monotonic() - started, 1), rows)


def run_part(name: str, short: bool = False) -> list[dict[str, Any]]:
    """The rows of a part, computed in this process.

    Args:
        short: few repetitions and steps, to see that the part works.
    """
    kind, _, what = name.partition(': ')
    repeats = 1 if short else 10
    if kind == 'doctor':
        return list(_doctor_rows())
    if kind == 'operators':
        return list(_operator_rows(repeats))
    if kind == 'benchmark':
        return list(_benchmark_rows(what, repeats))
    if kind == 'golden':
        from sparse3d.apis.gpu_check_goldens import check_golden
        return check_golden(what)
    from sparse3d.apis.gpu_check_systems import check_system, check_training
    if kind == 'system':
        return check_system(what, repeats)
    return check_training(what, 4 if short else STEPS)


def format_part(part: Part) -> str:
    """A part as lines of a table: state, name, value."""
    return '\n'.join(f'{row["state"]:7s} {row["name"]:58s} {row["value"]}' for row in part.rows)


def _doctor_rows() -> Iterator[dict[str, Any]]:
    from sparse3d.apis.environment_checks import all_checks
    for row in all_checks():
        yield dict(name=row.name, state=row.state, value=row.value, remedy=row.remedy)


def _operator_rows(repeats: int) -> Iterator[dict[str, Any]]:
    from sparse3d.apis.gpu_check_operators import compare_operators
    for compared in compare_operators(repeats):
        if isinstance(compared, tuple):
            yield dict(name=compared[0], state='broken', value=compared[1])
            continue
        yield dict(
            asdict(compared), state='ok' if compared.right else 'broken',
            value=f'{compared.difference:.1e} from the CPU (to {compared.tolerance:g}); '
                  f'{compared.gpu_ms:.2f} ms, CPU {compared.cpu_ms:.2f} ms')


def _benchmark_rows(name: str, repeats: int) -> Iterator[dict[str, Any]]:
    """What a plug-in measures against the way that it replaces."""
    from sparse3d.plugins import load
    for row in load(offers('benchmarks')[name])(threads=4, repeats=repeats):
        beside = '' if row.get('baseline') is None else f', before {row["baseline"]:.4g}'
        yield dict(row, state='ok', value=f'{row["value"]:.4g} {row["unit"]}{beside} '
                                          f'({row.get("note", "")})')


def _benchmarks_of_models() -> list[str]:
    """Of plug-ins with models: theirs measure on the GPU where there is one."""
    return [name for owner in plugins().values() if owner.trial_configs
            for name in owner.benchmarks]


def _versions() -> dict[str, str]:
    from importlib import metadata
    wanted = ('torch', 'triton', 'numpy', 'spconv', 'cumm', 'mmcv', 'mmengine', 'mmdet', 'mmdet3d')
    return {name: dist.version for dist in metadata.distributions()
            if (name := dist.metadata['Name']).split('-cu')[0] in wanted}


def main(name: str, out: str) -> None:
    """What :func:`run_in_own_process` starts."""
    import logging
    import warnings

    from sparse3d.atomic_files import write_bytes_atomically
    logging.disable(logging.WARNING)
    warnings.simplefilter('ignore')
    text = json.dumps(run_part(name), default=str)
    write_bytes_atomically(out, text.encode())


if __name__ == '__main__':
    main(*sys.argv[1:])
