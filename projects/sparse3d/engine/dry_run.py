"""A training that stops where the first epoch would begin."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmengine.optim import OptimWrapperDict
from mmengine.runner import IterBasedTrainLoop, Runner

from sparse3d.engine.learning_rates import GroupRates, rates_of
from sparse3d.errors import ConfigError


@dataclass(frozen=True)
class DryRun:
    """What a training would work on.

    Attributes:
        epochs: number of epochs.
        iterations: in all, of a training that counts no epochs; else 0.
        samples: number of training samples in an epoch, of all processes.
        batches: number of batches in an epoch of one process.
        validation_samples: number of validation samples, 0 without validation.
        parameters: number of parameters that learn.
        rates: learning rates by group of parameters; empty with several optimizers.
    """

    epochs: int
    samples: int
    batches: int
    validation_samples: int
    parameters: int
    iterations: int = 0
    rates: tuple[GroupRates, ...] = ()

    def __str__(self) -> str:
        length = f'{self.iterations:,} iterations; an epoch is' if self.iterations \
            else f'{self.epochs} epochs of'
        told = (f'ready to train: {length} {self.samples:,} samples in '
                f'{self.batches:,} batches, {self.validation_samples:,} samples to validate, '
                f'{self.parameters:,} parameters; nothing was trained')
        return '\n'.join([told, *map(str, self.rates)])


def prepare_and_stop(runner: Runner) -> DryRun:
    """Build all that a training needs and read one batch of each kind of data.

    Raises:
        DataError: if there is nothing to train on, or data cannot be read.
        ConfigError: if samples are not packed for the model.
    """
    loop = runner.train_loop
    runner._init_model_weights()
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner.scale_lr(runner.optim_wrapper, runner.auto_scale_lr)
    schedules = runner.param_schedulers
    if schedules is not None:
        runner.param_schedulers = runner.build_param_scheduler(schedules)
    rates = () if isinstance(runner.optim_wrapper, OptimWrapperDict) else rates_of(
        runner, schedules)
    _refuse_unpacked(next(iter(loop.dataloader)), 'train_dataloader')
    validation = runner.val_loop
    if validation is not None:
        _refuse_unpacked(next(iter(validation.dataloader)), 'val_dataloader')
    return DryRun(
        epochs=loop.max_epochs, samples=len(loop.dataloader.dataset),
        batches=len(loop.dataloader),
        validation_samples=0 if validation is None else len(validation.dataloader.dataset),
        parameters=sum(parameter.numel() for parameter in runner.model.parameters()
                       if parameter.requires_grad),
        iterations=loop.max_iters if isinstance(loop, IterBasedTrainLoop) else 0,
        rates=rates)


def _refuse_unpacked(batch: Any, loader: str) -> None:
    """A model is given what the last step of the pipeline packs."""
    if isinstance(batch, Mapping) and 'inputs' not in batch:
        raise ConfigError(f'the samples of {loader} have no "inputs" for the model (they have '
                          f'{", ".join(map(str, list(batch)[:5]))}, ...); its pipeline ends with a '
                          f'step that packs them: Pack3DDetInputs or PackSample')
