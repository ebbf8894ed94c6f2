"""Random numbers that depend on seed, epoch and process alone."""
from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmdet3d.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import FUNCTIONS


@HOOKS.register_module()
class SeedEveryEpochHook(Hook):
    """Seed Python, numpy and PyTorch anew before each training epoch.

    A training that was interrupted and resumed at an epoch then draws the same
    random numbers as one that ran through: nothing that happened in the epochs
    before, in a validation or in another process count matters. Data workers must
    start anew each epoch and take their seed from PyTorch, see
    :func:`seed_worker_from_torch`; ``sparse3d.apis.train`` sees to both.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner) -> None:
        """Seed from the runner's seed, the epoch about to start and the rank."""
        seed_everything(epoch_seed(runner.seed, runner.epoch, get_rank()))


def epoch_seed(seed: int, epoch: int, rank: int) -> int:
    """A 32-bit seed without visible pattern for one epoch of one process."""
    return int(np.random.SeedSequence([seed, epoch, rank]).generate_state(1)[0])


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and PyTorch on all devices with a 32-bit number."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # all devices


@FUNCTIONS.register_module()
def seed_worker_from_torch(worker_id: int) -> None:
    """Seed a data worker from the seed that PyTorch drew for it this epoch.

    mmengine's own worker function gives a worker the same seed in each epoch, so
    that new workers would repeat the augmentations of the epoch before.
    """
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)


@contextmanager
def random_state_kept() -> Iterator[None]:
    """Run a block and set the random states of Python, numpy and PyTorch back after it."""
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        torch.cuda.set_rng_state_all(devices)
