"""One graph in a process of its own: time of a call, and memory that loading and calling take.

Run by its path, so that nothing of Sparse3D is in the memory that is measured::

    python graph_process.py WAY FILE INPUTS.npz THREADS REPEATS

It prints a line of JSON: ``milliseconds`` of processor time, the median, and ``mebibytes`` above
what the process held before it loaded the graph (null where the system does not say).
"""
from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

STATUS = Path('/proc/self/status')


def main(way: str, file: str, inputs: str, threads: int, repeats: int) -> dict[str, Any]:
    """Measure; see the module."""
    with np.load(inputs) as stored:
        arrays = {name: stored[name] for name in stored.files}
    load = WAYS[way](threads)  # imports, before memory is looked at
    reset_peak()
    before = resident('VmRSS')
    call = load(file, arrays)
    call()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    peak = resident('VmHWM')
    return dict(milliseconds=1e3 * median(seconds),
                mebibytes=None if None in (before, peak) else max(0.0, peak - before))


def _onnxruntime(threads: int) -> Callable:
    import onnxruntime

    def load(file: str, arrays: dict[str, np.ndarray]) -> Callable[[], Any]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(file, options, providers=['CPUExecutionProvider'])
        return lambda: session.run(None, arrays)
    return load


def _torch(threads: int, load_module: str) -> Callable:
    import torch
    torch.set_num_threads(threads)
    if load_module == 'aotinductor':
        import torch._inductor

    def load(file: str, arrays: dict[str, np.ndarray]) -> Callable[[], Any]:
        tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
        module = torch._inductor.aoti_load_package(file) if load_module == 'aotinductor' \
            else torch.export.load(file).module()

        def call() -> Any:
            with torch.no_grad():
                return module(inputs=tensors)
        return call
    return load


def _eager(threads: int) -> Callable:
    return _torch(threads, 'eager')


def _aotinductor(threads: int) -> Callable:
    return _torch(threads, 'aotinductor')


WAYS = {'onnxruntime': _onnxruntime, 'eager': _eager, 'aotinductor': _aotinductor}


def resident(field: str) -> float | None:
    """Mebibytes of a field of Linux' status of this process."""
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(field)), None)


def reset_peak() -> None:
    """Let Linux count the peak from here."""
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:  # the peak of the imports counts as well
        pass


if __name__ == '__main__':
    print(json.dumps(main(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]))))
