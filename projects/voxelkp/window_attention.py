"""Attention among the voxels of each window, without a custom kernel."""
from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from sparse3d.ops.backends import choose_backend
from sparse3d.ops.cells import first_rows, order_of_keys, segments_of, sort_keys

SHORTEST = 8  # places of the smallest padded windows


def window_attention(
        query: Tensor,          # [N, H, D]
        key: Tensor,            # [N, H, D]
        value: Tensor,          # [N, H, D]
        windows: Tensor,        # [N] int64, number of each voxel's window, from 0
        backend: str = 'auto',
) -> Tensor:                    # [N, H, D]
    """Softmax attention, scaled by 1 / sqrt(D), of every voxel over its own window.

    Windows of similar occupation are padded to one length (a power of two) and attended to
    together: at most half of the places are vain, and a handful of calls serve all windows.

    Args:
        backend: ``'auto'``, ``'fast'`` (padded windows) or ``'reference'`` (a loop).

    Raises:
        ValueError: if the lengths differ.
        BackendUnavailable: for another backend.

    Source: VoxelKP (ICCV 2025), sparse box attention.
    """
    if not query.shape == key.shape == value.shape or query.shape[:1] != windows.shape:
        raise ValueError(f'query {list(query.shape)}, key {list(key.shape)}, value '
                         f'{list(value.shape)} and windows {list(windows.shape)} do not belong '
                         'together')
    backend = choose_backend('window_attention', backend)
    if len(query) == 0:
        return value
    return (_reference if backend == 'reference' else _padded)(query, key, value, windows)


def _padded(query: Tensor, key: Tensor, value: Tensor, windows: Tensor) -> Tensor:
    results, owners = [], []
    for rows, filled in padded_windows(windows):
        # [W, L, H, D] -> [W, H, L, D]
        heads = [part[rows].transpose(1, 2) for part in (query, key, value)]
        result = F.scaled_dot_product_attention(*heads, attn_mask=filled[:, None, None, :])
        places = filled.flatten().nonzero().squeeze(1)
        results.append(result.transpose(1, 2).flatten(0, 1)[places])
        owners.append(rows.flatten()[places])
    return torch.cat(results)[order_of_keys(torch.cat(owners))]


def padded_windows(windows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Windows in groups of one length: rows of the voxels [W, L], which places are filled."""
    ordered, order = sort_keys(windows)
    counts = segments_of(ordered).counts
    starts = first_rows(counts)
    lengths = (2 ** counts.clamp(min=SHORTEST).double().log2().ceil()).long()
    for length in lengths.unique().tolist():
        chosen = (lengths == length).nonzero().squeeze(1)
        place = torch.arange(length, device=windows.device)
        filled = place < counts[chosen, None]
        rows = starts[chosen, None] + place
        yield order[torch.where(filled, rows, starts[chosen, None])], filled


def _reference(query: Tensor, key: Tensor, value: Tensor, windows: Tensor) -> Tensor:
    """The definition, one window after the other."""
    results, owners = [], []
    for window in windows.unique():
        rows = (windows == window).nonzero().squeeze(1)
        score = torch.einsum('ihd,jhd->hij', query[rows], key[rows]) / query.shape[-1] ** 0.5
        results.append(torch.einsum('hij,jhd->ihd', score.softmax(-1), value[rows]))
        owners.append(rows)
    return torch.cat(results)[torch.cat(owners).argsort()]
