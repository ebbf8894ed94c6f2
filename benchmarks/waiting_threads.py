"""A training step whose threads sleep while they wait, against threads that spin."""
from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from sparse3d.engine.timing import Timing, measure, torch_threads
from sparse3d.passive_wait import OF_THE_USER

ASLEEP, SPINNING = '0', '300000'  # GOMP_SPINCOUNT: ours; what libgomp takes if nothing is set
NEIGHBORS = 2
SPAWN = multiprocessing.get_context('spawn')  # libgomp reads its environment once per process


def run(threads: int = 2, repeats: int = 10, busy: int = NEIGHBORS) -> list[dict]:
    """A row with the machine as it is, and one beside ``busy`` processes that compute."""
    rows = []
    for neighbors in (0, busy):
        with busy_processes(neighbors):
            ours, default = (_in_a_new_process(count, threads, repeats)
                             for count in (ASLEEP, SPINNING))
        beside = f'beside {neighbors} busy processes' if neighbors else 'alone'
        rows.append(dict(
            name=f'training step, {threads} threads, {beside}', value=ours.milliseconds,
            unit='ms', baseline=default.milliseconds, ratio=default.median / ours.median,
            original=False, note=f'spread {ours.iqr * 1e3:.0f} and {default.iqr * 1e3:.0f} ms; '
                 'baseline: threads that spin as libgomp has them'))
    return rows


def _in_a_new_process(spin_count: str, threads: int, repeats: int) -> Timing:
    with _environment(GOMP_SPINCOUNT=spin_count), SPAWN.Pool(1) as pool:
        return pool.apply(_steps, (threads, repeats))


def _steps(threads: int, repeats: int) -> Timing:
    """Time of a training step of a few small layers: much waiting for little arithmetic."""
    torch.manual_seed(0)
    layers = nn.Sequential(*(layer for width in (8, 32, 32, 32) for layer in (
        nn.Conv2d(width, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())))
    optimizer = torch.optim.AdamW(layers.parameters())
    maps = torch.randn(2, 8, 96, 96)

    def step() -> None:
        optimizer.zero_grad()
        layers(maps).square().mean().backward()
        optimizer.step()

    with torch_threads(threads):
        return measure(step, repeats, warmup=1)


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    before = {name: os.environ.pop(name, None) for name in (*OF_THE_USER, 'OMP_NUM_THREADS')}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Run a block beside ``count`` processes that compute without end."""
    processes = [SPAWN.Process(target=_compute, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _compute() -> None:
    while True:
        pass
