"""Public weights of other frameworks' detectors: real names and shapes, random values."""
from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

LAYOUTS = Path(__file__).resolve().parents[1] / 'fixtures' / 'baseline_layouts'
NORM = ('weight', 'bias', 'running_mean', 'running_var')


def tensors(layout: str) -> dict[str, Tensor]:
    """Random tensors of the names and shapes in a list."""
    random = torch.Generator().manual_seed(0)
    found = {}
    for line in (LAYOUTS / f'{layout}.txt').read_text().splitlines():
        name, *shape = line.split()
        if name == '#' or '"norm' in line:
            continue
        if shape[0] == 'norm':
            for part in NORM:
                found[f'{name}.{part}'] = torch.rand(int(shape[1]), generator=random) + 0.5
            found[f'{name}.num_batches_tracked'] = torch.tensor(7)
        else:
            sizes = [] if shape == ['-'] else [int(size) for size in shape[0].split('x')]
            found[name] = torch.randn(sizes, generator=random) / 5
    return found
