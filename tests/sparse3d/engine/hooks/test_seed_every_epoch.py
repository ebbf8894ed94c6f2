from __future__ import annotations

import random

import numpy as np
import torch

from sparse3d.engine.hooks.seed_every_epoch import (
    epoch_seed,
    random_state_kept,
    seed_everything,
    seed_worker_from_torch,
)


def draw():
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_seeds_differ_by_seed_epoch_and_process():
    seeds = {epoch_seed(seed, epoch, rank)
             for seed in range(3) for epoch in range(30) for rank in range(4)}
    assert len(seeds) == 3 * 30 * 4
    assert epoch_seed(1, 2, 3) == epoch_seed(1, 2, 3)


def test_everything_is_seeded():
    seed_everything(7)
    first = draw()
    assert draw() != first
    seed_everything(7)
    assert draw() == first


def test_state_is_kept_even_when_the_block_fails():
    seed_everything(1)
    expected = draw()
    seed_everything(1)
    try:
        with random_state_kept():
            seed_everything(99)
            raise ValueError
    except ValueError:
        pass
    assert draw() == expected


def test_workers_draw_what_pytorch_seeded():
    torch.manual_seed(5)
    seed_worker_from_torch(0)
    first = random.random(), float(np.random.rand())
    torch.manual_seed(6)
    seed_worker_from_torch(0)
    assert (random.random(), float(np.random.rand())) != first
    torch.manual_seed(5)
    seed_worker_from_torch(3)
    assert (random.random(), float(np.random.rand())) == first
