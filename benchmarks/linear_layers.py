"""Linear layers of published sizes by oneDNN beside PyTorch's own, forward and backward."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from sparse3d.engine.timing import torch_threads
from sparse3d.ops.linear import linear
from sparse3d_benchmarks.side_by_side import by_pytorch, in_turn

# Rows, channels in and out.
SIZES = {
    "SparseBEV's mixing, weights of 400 queries": (400, 256, 32768),
    "SparseBEV's mixing, output of 400 queries": (400, 32768, 256),
    "DSVT's feed-forward, 12,000 voxels": (12000, 192, 384),
    'pixels of an image pyramid, 128 channels': (29750, 128, 128),
}
MOST_REPEATS = 7


def run(threads: int = 2, repeats: int = 10) -> list[dict]:
    """Rows of CPU time of one thread, whatever ``threads`` says."""
    with torch_threads(1):
        return [row for name, size in SIZES.items()
                for row in rows_of(name, size, min(repeats, MOST_REPEATS))]


def rows_of(name: str, size: tuple[int, int, int], repeats: int) -> list[dict]:
    """A row forward, one with backward."""
    rows, given, out = size
    random = torch.Generator().manual_seed(0)
    features, weight, bias = (torch.randn(*shape, generator=random).requires_grad_()
                              for shape in ((rows, given), (out, given), (out,)))
    found = []
    for backward in (False, True):
        way = _way(features, weight, bias, backward)
        ours, theirs = in_turn([way, by_pytorch(way)], repeats)
        work = 2e-9 * rows * given * out * (3 if backward else 1)
        found.append(dict(
            name=name + (', forward and backward' if backward else ', forward'),
            value=1e3 * ours, unit='ms', baseline=1e3 * theirs, ratio=theirs / ours,
            original=False,
            note=f'{rows} rows, {given} to {out} channels, float32, CPU time of one thread; '
                 f'{work / ours:.0f} GFLOP/s; torch.nn.functional.linear: '
                 f'{work / theirs:.0f} GFLOP/s'))
    return found


def _way(features: Tensor, weight: Tensor, bias: Tensor, backward: bool) -> Callable[[], None]:
    upstream = torch.ones(len(features), len(weight))

    def call() -> None:
        with torch.set_grad_enabled(backward):
            result = linear(features, weight, bias)
        if backward:
            result.backward(upstream)
            features.grad = weight.grad = bias.grad = None
    return call
