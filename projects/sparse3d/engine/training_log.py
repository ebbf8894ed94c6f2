"""The losses that a training has logged beside its checkpoints."""
from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from statistics import mean

from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_text


@dataclass(frozen=True)
class LoggedLoss:
    """Mean loss of the iterations since the last line of the log."""

    epoch: int  # from 1
    step: int   # iterations since the start of the training
    loss: float


def read_losses(work_dir: str | PathLike) -> list[LoggedLoss]:
    """All logged losses in order of their steps.

    A resumed training writes a log of its own; where two have the same step, the later counts.

    Raises:
        DataError: naming a line that is damaged, or was cut when the training was killed.
    """
    by_step: dict[int, LoggedLoss] = {}
    for log in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for number, line in enumerate(read_text(log).splitlines(), 1):
            row = _row(line, f'line {number} of {log}')
            if {'loss', 'step', 'epoch'} <= set(row):
                by_step[row['step']] = LoggedLoss(row['epoch'], row['step'], row['loss'])
    return [by_step[step] for step in sorted(by_step)]


def _row(line: str, where: str) -> dict:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f'{where} is cut short or damaged, as when a training was killed; remove '
                        f'the line') from error
    if not isinstance(row, dict):
        raise DataError(f'{where} is no entry of a training log')
    return row


def loss_by_epoch(work_dir: str | PathLike) -> list[float]:
    """Mean of the logged losses of each epoch."""
    epochs = defaultdict(list)
    for logged in read_losses(work_dir):
        epochs[logged.epoch].append(logged.loss)
    return [mean(epochs[epoch]) for epoch in sorted(epochs)]
