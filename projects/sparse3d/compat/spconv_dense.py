"""``SparseConvTensor.dense()`` without indexing by a list.

Wrong upstream (spconv 2.3.8): ``scatter_nd`` writes ``ret[[i, j, ..., Ellipsis]] = values``. A
list as an index is deprecated: today it warns on every first call, a later PyTorch reads it as
one tensor index and fails or fills other cells.

Repair: ``spconv.pytorch.core.scatter_nd`` indexes with a tuple; same arguments and result.
"""
from __future__ import annotations

from collections.abc import Sequence

from spconv.pytorch import core
from torch import Tensor


def apply_patch() -> None:
    """Let ``SparseConvTensor.dense`` index with a tuple."""
    if not hasattr(core.scatter_nd, 'upstream'):
        scatter_nd.upstream = core.scatter_nd
        core.scatter_nd = scatter_nd


def scatter_nd(indices: Tensor, updates: Tensor, shape: Sequence[int]) -> Tensor:
    """Zeros of ``shape`` [S_1, ..., S_D, ...] with ``updates`` [N, ...] at ``indices`` [N, D]."""
    result = updates.new_zeros(*shape)
    result[tuple(indices.reshape(-1, indices.shape[-1]).T)] = updates
    return result
