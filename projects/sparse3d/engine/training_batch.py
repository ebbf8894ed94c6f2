"""How many samples make a step of the optimizer, and who reads them."""
from __future__ import annotations

from typing import Any

from mmengine.config import Config

from sparse3d.errors import ConfigError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def set_batch(config: Config, batch_size: int | None = None, workers: int | None = None,
              accumulate: int | None = None) -> None:
    """Set what the command line says of batches; None leaves the config as it is.

    Args:
        config: changed in place.
        batch_size: training samples that a process reads at a time.
        workers: processes that read data beside each training process; also in validation.
        accumulate: batches whose gradients are summed up, as their mean, for a step.

    Raises:
        ConfigError: if a number cannot be meant, or the config has another kind of loader.
    """
    for option, value, least in (('--batch-size', batch_size, 1), ('--workers', workers, 0),
                                 ('--accumulate', accumulate, 1)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)
                                  or value < least):
            raise ConfigError(f'{option} is a whole number from {least}, not {value!r}')
    if batch_size is not None:
        if 'batch_size' in (config.train_dataloader.get('batch_sampler') or {}):
            raise ConfigError(f'--batch-size {batch_size} and train_dataloader.batch_sampler '
                              f'disagree: set the batch sampler\'s own batch_size')
        config.train_dataloader.batch_size = batch_size
    if workers is not None:
        for loader in LOADERS:
            if config.get(loader):
                _set_workers(config[loader], workers)
    if accumulate is not None:
        config.optim_wrapper.accumulative_counts = accumulate


def _set_workers(loader: dict, workers: int) -> None:
    loader['num_workers'] = workers
    if not workers:
        for key in ('prefetch_factor', 'timeout'):  # of workers; without them PyTorch refuses both
            loader.pop(key, None)


def samples_in_a_step(batch_size: int, processes: int, accumulate: int) -> tuple[int, str]:
    """Samples in a step of the optimizer, and how they come together, in words."""
    parts = [f'{processes} processes' * (processes > 1),
             f'{batch_size} {"sample" if batch_size == 1 else "samples"}',
             f'{accumulate} batches accumulated' * (accumulate > 1)]
    told = ' x '.join(part for part in parts if part)
    return batch_size * processes * accumulate, told


def accumulated(optim_wrapper: Any) -> int:
    """Batches of a step; ``optim_wrapper`` as a config or built."""
    if isinstance(optim_wrapper, dict):
        return optim_wrapper.get('accumulative_counts', 1)
    return getattr(optim_wrapper, '_accumulative_counts', 1)
