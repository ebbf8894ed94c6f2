"""The numbers that a training has logged beside its checkpoints."""
from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from statistics import mean

from sparse3d.errors import DataError
from sparse3d.transforms.text_files import read_text

SCALARS = '*/vis_data/scalars.json'  # in the folder of a training


@dataclass(frozen=True)
class LoggedLoss:
    """Mean loss of the iterations since the last line of the log."""

    epoch: int  # from 1; 1 where a training counts no epochs
    step: int   # iterations since the start of the training
    loss: float


@dataclass(frozen=True)
class LoggedTraining:
    """All numbers that a training has logged, each line with its ``step``.

    Attributes:
        iterations: loss, its parts and ``lr``, with the ``epoch`` (from 1; none in the log of a
            training that counts iterations), by iteration.
        validations: metrics, by the epoch (or iteration) after which they were taken.
    """

    iterations: list[dict]
    validations: list[dict]


def read_training(work_dir: str | PathLike) -> LoggedTraining:
    """All logged lines in order of their steps.

    A resumed training writes a log of its own; where two have the same step, the later counts.

    Raises:
        DataError: naming a line that is damaged, or was cut when the training was killed.
    """
    iterations: dict[int, dict] = {}
    validations: dict[int, dict] = {}
    for log in sorted(Path(work_dir).glob(SCALARS)):
        for number, line in enumerate(read_text(log).splitlines(), 1):
            row = _row(line, f'line {number} of {log}')
            if {'loss', 'step'} <= set(row) and {'epoch', 'iter'} & set(row):
                iterations[row['step']] = row
            elif 'step' in row:
                validations[row['step']] = row
    return LoggedTraining(*([rows[step] for step in sorted(rows)]
                            for rows in (iterations, validations)))


def read_losses(work_dir: str | PathLike) -> list[LoggedLoss]:
    """All logged losses in order of their steps; errors as :func:`read_training`."""
    return [LoggedLoss(row.get('epoch', 1), row['step'], row['loss'])
            for row in read_training(work_dir).iterations]


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
