"""Whole models on the GPU: a step beside the CPU's, mixed precision, time, memory, a training."""
from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import torch

from sparse3d.engine.timing import measure
from sparse3d.engine.trial_step import Trial, prediction, training_step

SAMPLES = 2
NEAR = 1e-3  # of a loss; at a near-tie an untrained model is further off, which is only said
FAR = 1e-1
MEBIBYTE = 2 ** 20


def check_system(name: str, repeats: int = 10, device: str = 'cuda') -> list[dict[str, Any]]:
    """Rows for one config: parity of a step, mixed precision, time and memory.

    A row: ``name``, ``state`` (``'ok'``, ``'note'``, ``'broken'``), ``value``, and the numbers.
    """
    on_cpu = Trial.of(name)
    there = copy.copy(on_cpu)
    there.model = copy.deepcopy(on_cpu.model).to(device)
    batch = there.batch(samples=SAMPLES)
    expected = training_step(on_cpu, on_cpu.optimizer(), batch)
    rows = [_parity_row(name, training_step(there, there.optimizer(), batch), expected)]
    for dtype in ('float32', 'float16', 'bfloat16'):
        try:
            rows.append(_step_row(there, batch, dtype, repeats))
        except Exception as error:  # the other types must come out
            rows.append(dict(name=f'{name}, {dtype}', state='broken',
                             value=f'{type(error).__name__}: {str(error)[:300]}'))
    return rows


def check_training(name: str, steps: int = 200, device: str = 'cuda') -> list[dict[str, Any]]:
    """A row: whether a training on a few drawn batches brings the loss down."""
    trial = Trial.of(name)
    trial.model.to(device)
    optimizer = trial.optimizer()
    batches = [trial.batch(samples=SAMPLES, seed=seed) for seed in range(4)]
    losses = [training_step(trial, optimizer, batches[step % len(batches)], seed=step)['loss']
              for step in range(steps)]
    part = max(1, steps // 10)
    first, last = sum(losses[:part]) / part, sum(losses[-part:]) / part
    learned = all(map(math.isfinite, losses)) and last < first
    return [dict(name=f'{name}, {steps} steps', state='ok' if learned else 'broken',
                 value=f'loss {first:.3f} at first, {last:.3f} at last', losses=losses)]


def _parity_row(name: str, found: dict[str, float], expected: dict[str, float]) -> dict[str, Any]:
    away = {key: abs(found[key] - value) / max(abs(value), 1e-2)
            for key, value in expected.items()}
    worst = max(away, key=away.__getitem__)
    state = 'ok' if away[worst] <= NEAR else 'note' if away[worst] <= FAR else 'broken'
    return dict(name=f'{name}, losses beside the CPU', state=state, found=found, expected=expected,
                value=f'{away[worst]:.1e} apart at most ({worst})')


def _step_row(trial: Trial, batch: dict, dtype: str, repeats: int) -> dict[str, Any]:
    optimizer = trial.optimizer(dtype)
    torch.cuda.reset_peak_memory_stats()
    losses = training_step(trial, optimizer, batch)
    finite = all(map(math.isfinite, losses.values()))
    step = measure(partial(training_step, trial, optimizer, batch), repeats, warmup=1).milliseconds
    memory = torch.cuda.max_memory_allocated() / MEBIBYTE
    predict = measure(partial(prediction, trial, batch, dtype), repeats, warmup=1).milliseconds
    return dict(
        name=f'{trial.name}, {dtype}', state='ok' if finite else 'broken', step_ms=step,
        prediction_ms=predict, peak_mebibytes=memory, losses=losses,
        value=f'{"loss" if finite else "not finite: loss"} {losses["loss"]:.4g}; step '
              f'{step:.1f} ms, prediction {predict:.1f} ms of {SAMPLES} samples, '
              f'{memory:.0f} MiB at most')
