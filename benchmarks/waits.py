"""How often the host waits for the GPU in a training step, counted on a pretended device.

Each wait leaves the GPU without work until the host has read the answer and launched more. Counted
are those that lines of this project cause, directly or through a library; those inside the
kernels of spconv and mmcv, and those of the training loop, stand in the note.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

BAR = 60  # a training step of two samples, by lines of this project
SAMPLES, OBJECTS = 2, 16
MOST_LINES = 3  # named in a note


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """A row for each trial config of the plug-ins; see :mod:`sparse3d_benchmarks`.

    Counted in a process of its own, where the device is pretended; nothing is timed.
    """
    from sparse3d.plugins import plugins
    names = [name for owner in plugins().values() for name in owner.trial_configs]
    return [_row(name, waits) for name, waits in count_in_process(names).items()]


def count_in_process(names: Sequence[str], dtype: str = 'float32', objects: int = OBJECTS,
                     ) -> dict[str, list[dict[str, Any]]]:
    """Waits of a training step of each config, as dictionaries, counted in a new process.

    Raises:
        RuntimeError: if a step fails, with the last line that it said.
    """
    done = subprocess.run(
        [sys.executable, '-m', __name__, dtype, str(objects), *names], text=True,
        capture_output=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ['it said nothing'])[-1]
        raise RuntimeError(f'no training step on the pretended device: {last}')
    return json.loads(done.stdout.splitlines()[-1])


def count_waits(gpu: Any, name: str, dtype: str = 'float32', objects: int = OBJECTS,
                samples: int = SAMPLES) -> Counter:
    """Waits of the second training step of a config's model; the device is there.

    Args:
        gpu: of the block.
    """
    from sparse3d.engine.trial_step import Trial, training_step
    trial = Trial.of(name)
    trial.model.to('cuda')
    optimizer = trial.optimizer(dtype)
    batch = trial.batch(samples=samples, objects=objects)
    training_step(trial, optimizer, batch)  # what is made once is made here
    with gpu.counting() as waits:
        training_step(trial, optimizer, batch)
    return waits


def _row(name: str, waits: list[dict]) -> dict:
    of = Counter()
    for wait in waits:
        of[wait['owner']] += wait['count']
    ours = sorted((wait for wait in waits if wait['owner'] == 'ours'), key=lambda w: -w['count'])
    lines = ', '.join(f'{wait["line"]} {wait["count"]}' for wait in ours[:MOST_LINES])
    return dict(
        name=f'{name}, training step of {SAMPLES} samples', value=of['ours'], unit='waits',
        baseline=None, ratio=None,
        note=f'{of["kernels"]} more in kernels of spconv and mmcv, {of["others"]} in the training '
             f'loop; bar {BAR}; most: {lines or "none"}')


def main(dtype: str, objects: str, *names: str) -> None:
    """Count in this process; print the waits as JSON, the most frequent first."""
    from sparse3d_benchmarks.pretended_cuda import library
    library.prepare()
    import logging
    import warnings
    warnings.simplefilter('ignore')
    logging.disable(logging.WARNING)
    from sparse3d_benchmarks.pretended_cuda.machine import pretended_cuda
    with pretended_cuda() as gpu:
        found = {name: count_waits(gpu, name, dtype, int(objects)) for name in names}
    print(json.dumps({name: [dict(wait._asdict(), owner=wait.owner, count=count)
                             for wait, count in waits.most_common()]
                      for name, waits in found.items()}))


if __name__ == '__main__':
    main(*sys.argv[1:])
