"""Time and memory of every model against points, voxels, queries, frames and cameras.

Each is doubled twice while the others stay: small models with random weights, drawn clouds and
pictures, one prediction and one training step of each size. A row is an exponent: p where the cost
grows with the size to the power of p. Its note has the costs themselves, which
:mod:`sparse3d_benchmarks.growth_plot` reads back.
"""
from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import Config

import sparse3d.compat.applied  # noqa: F401  (spconv is right on a CPU only then)
from sparse3d.engine.load_config import load_config
from sparse3d.engine.timing import torch_threads
from sparse3d.engine.trial_step import Trial, prediction, training_step, trial_names
from sparse3d_benchmarks.detection_range import exponent
from sparse3d_benchmarks.grown_batch import Size, capacity, grown_batch, grown_config
from sparse3d_benchmarks.peak_memory import peak_mebibytes

FACTORS = (1, 2, 4)
VOXELS = 2000                   # of the smallest cloud, where a grid has room for eight times these
POINTS_PER_VOXEL = 2
CAMERAS, IMAGE = 2, (64, 128)   # of the smallest sample; height, width [pixels]
AXES = ('points', 'voxels', 'queries', 'frames', 'cameras')
COSTS = {'prediction': 's', 'training step': 's', 'memory of a training step': 'MiB'}
LINEAR = 1.1                    # exponents up to this one are noise around 1
# Not among the trials of its plug-in: it needs poses, which a drawn frame gets here.
MORE = ('sparse4d_simulated_nuscenes',)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Growth:
    """What a model costs at rising sizes along an axis.

    Attributes:
        model: name of the config.
        axis: one of ``AXES``.
        sizes: numbers of points, ..., rising.
        costs: by name, as in ``COSTS``; one for each size.
    """

    model: str
    axis: str
    sizes: tuple[int, ...]
    costs: dict[str, tuple[float, ...]]

    def exponent(self, cost: str) -> float:
        """p of the cost about the size to the power of p."""
        return exponent(self.sizes, self.costs[cost])


def run(threads: int = 2, repeats: int = 10, models: Sequence[str] | None = None) -> list[dict]:
    """Rows for each model, axis and cost; see :mod:`sparse3d_benchmarks`.

    One thread and CPU seconds, whatever ``threads`` says; of ``repeats`` at most two are made, the
    quicker counts. A model that fails gets a row that says why, and the others go on.
    """
    with torch_threads(1):
        return [row for name in models or model_names()
                for row in rows_of_model(name, min(repeats, 2))]


def model_names() -> tuple[str, ...]:
    """Configs of the models that are measured."""
    return (*trial_names(), *MORE)


def rows_of_model(name: str, repeats: int) -> list[dict]:
    """Rows for each axis and cost of a model, and the memory of its training step."""
    rows: list[dict] = []
    measured: list[Growth] = []
    for axis in axes_of(load_config(name)):
        logger.info('%s, %s', name, axis)
        try:
            measured.append(measure_growth(name, axis, repeats))
            rows += rows_of(measured[-1])
        except Exception as error:  # hours of other rows are not lost by it
            why = ' '.join(str(error).split())
            rows.append(dict(name=f'{name}, {axis}: failed', value=0.0, unit='',
                             note=f'{type(error).__name__}: {why}'))
    for growth in measured[:1]:
        cost = 'memory of a training step'
        rows.append(dict(name=f'{name}: {cost}', value=growth.costs[cost][0], unit=COSTS[cost],
                         note=f'{growth.sizes[0]} {growth.axis}, one sample, random weights'))
    return rows


def axes_of(config: Config) -> list[str]:
    """What a model can have more of."""
    return [axis for axis in AXES if grown_config(config, axis, 2) is not None]


def measure_growth(name: str, axis: str, repeats: int = 1,
                   factors: Sequence[int] = FACTORS) -> Growth:
    """Costs of a model at ``factors`` times its smallest size along an axis."""
    measured = [_measured(name, axis, factor, repeats) for factor in factors]
    return Growth(name, axis, tuple(size for size, _ in measured),
                  {cost: tuple(found[cost] for _, found in measured) for cost in COSTS})


def rows_of(growth: Growth) -> Iterator[dict]:
    """Rows of a measured growth: an exponent each, the costs in the note."""
    for cost, unit in COSTS.items():
        value = growth.exponent(cost)
        faster = '; faster than linear' if value > LINEAR else ''
        yield dict(name=f'{growth.model}, {growth.axis}: exponent of {cost}', value=value, unit='',
                   note=f'{note_of(growth.sizes, growth.costs[cost], unit)}; one thread, random '
                        f'weights{faster}')


def note_of(sizes: Sequence[int], values: Sequence[float], unit: str) -> str:
    """``2000: 0.41 s, 4000: 0.8 s``, as :func:`sparse3d_benchmarks.growth_plot.costs_in` reads."""
    return ', '.join(f'{size}: {value:.4g} {unit}'
                     for size, value in zip(sizes, values, strict=True))


def _measured(name: str, axis: str, factor: int, repeats: int) -> tuple[int, dict[str, float]]:
    """The size along the axis, and the costs."""
    config = grown_config(load_config(name), axis, factor)
    if config is None:
        raise ValueError(f'{name} has no {axis}')
    voxels = min(VOXELS, capacity(config) // (2 * FACTORS[-1]))
    size = Size(voxels * (factor if axis == 'voxels' else 1),
                POINTS_PER_VOXEL * (factor if axis == 'points' else 1),
                CAMERAS * (factor if axis == 'cameras' else 1), IMAGE)
    trial = Trial.of_config(name, config, size.cameras, size.image)
    batch = grown_batch(trial, size)
    optimizer = trial.optimizer()
    costs = {'prediction': _seconds(lambda: prediction(trial, batch), repeats),
             'training step': _seconds(lambda: training_step(trial, optimizer, batch), repeats)}
    costs['memory of a training step'] = peak_mebibytes(
        lambda: training_step(trial, optimizer, batch))
    count = dict(points=size.voxels * size.points_per_voxel, voxels=size.voxels,
                 cameras=size.cameras).get(axis)
    return count or config.grown_to, costs


def _seconds(call: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of the quickest of some calls, after one that makes what is kept."""
    call()
    found = []
    for _ in range(max(repeats, 1)):
        start = time.process_time()
        call()
        found.append(time.process_time() - start)
    return min(found)
