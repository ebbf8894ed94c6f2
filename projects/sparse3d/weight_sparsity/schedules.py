"""How much is zero at which step, and in which layer."""
from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from torch import Size


def gradual_sparsity(progress: float, final: float, initial: float = 0.0) -> float:
    """Share of zeros after a part of the pruning, from 0 to 1: a cubic, quick at first.

    Source: To prune, or not to prune (arXiv 1710.01878), equation 1.
    """
    rest = 1 - min(max(progress, 0.0), 1.0)
    return final + (initial - final) * rest ** 3


def replaced_share(progress: float, first: float = 0.3) -> float:
    """Share of the weights that is replaced, falling by a cosine to 0 at the end.

    Source: RigL (ICML 2020, arXiv 1911.11134), section 3.
    """
    return first / 2 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def uniform(shapes: Mapping[str, Size], sparsity: float) -> dict[str, float]:
    """The same share of zeros in every layer."""
    return dict.fromkeys(shapes, sparsity)


def erdos_renyi_kernel(shapes: Mapping[str, Size], sparsity: float) -> dict[str, float]:
    """Shares of zeros by layer: density as the sum of a weight's sides over their product.

    Layers that would be more than dense are dense; the others make up for them, so that the share
    over all weights is ``sparsity``.

    Source: RigL (ICML 2020), section 3, "Erdos-Renyi-Kernel".
    """
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    dense: set[str] = set()
    number = {name: math.prod(shape) for name, shape in shapes.items()}
    wanted = (1 - sparsity) * sum(number.values())
    while True:
        rest = wanted - sum(number[name] for name in dense)
        of_others = sum(raw[name] * number[name] for name in shapes if name not in dense)
        scale = rest / of_others if of_others else 0.0
        over = {name for name in shapes if name not in dense and raw[name] * scale >= 1}
        if not over:
            break
        dense |= over
    return {name: 0.0 if name in dense else 1 - raw[name] * scale for name in shapes}


DISTRIBUTIONS: Mapping[str, Callable[..., dict[str, float]]] = {
    'uniform': uniform, 'erk': erdos_renyi_kernel}
