"""What the operators of a GPU check share: the list of cases, and what they are drawn from."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Run = Callable[[str], Any]  # device -> tensors
CASES: dict[str, tuple[Run, float]] = {}  # name -> function, tolerance relative to the largest


def case(name: str, tolerance: float = 1e-5) -> Callable[[Run], Run]:
    """Add a function of the device to the cases."""
    def add(run: Run) -> Run:
        CASES[name] = run, tolerance
        return run
    return add


def drawn(seed: int = 0) -> torch.Generator:
    """A generator of the CPU: the same numbers for both devices."""
    return torch.Generator().manual_seed(seed)


def drawn_points(count: int = 4000, seed: int = 0) -> Tensor:
    """[N, 4] in front of the car."""
    low, size = torch.tensor([0.0, -20, -3, 0]), torch.tensor([40.0, 40, 4, 1])
    return torch.rand(count, 4, generator=drawn(seed)) * size + low


def drawn_boxes(count: int = 100) -> Tensor:
    """[M, 7], many of them over each other."""
    low = torch.tensor([5.0, -10, -2, 1, 1, 1, -3])
    size = torch.tensor([20.0, 20, 1, 4, 2, 1, 6])
    return torch.rand(count, 7, generator=drawn(1)) * size + low
