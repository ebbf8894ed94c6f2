"""Furthest point sampling of batches, by coordinates or by given distances.

The rows that the usual GPU kernel chooses, ties included. That kernel gives row k to thread
k mod T, T the largest power of two up to the number of rows and at most 1024; a thread keeps the
first of its equally far rows, and halves of the threads are compared until one is left, where the
lower half wins a tie. So of equally far rows the one whose thread number, read with its bits
reversed, is lowest wins, then the lower row: deterministic, but not simply the lowest row. What a
GPU may do differently is the rounding of a distance (fused multiply and add).
"""
from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from sparse3d.ops.backends import choose_backend

MAX_THREADS = 1024
FURTHEST = 1e10  # squared distance of what nothing was compared with yet


def furthest_point_sampling(
        points: Tensor,     # [B, N, 3] meters
        count: int,
        backend: str = 'auto',
) -> Tensor:                # [B, count] int32 rows
    """Choose row 0, then again and again the row furthest from all chosen.

    Once every distance is zero, row 0 is repeated. A NaN in a point makes it furthest.

    Args:
        backend: ``'auto'``, ``'fast'`` (all samples at once) or ``'reference'`` (loops).

    Raises:
        ValueError: for samples without points.
        BackendUnavailable: for another backend.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.2.
    """
    by_loops = choose_backend('furthest_point_sampling', backend) == 'reference'
    return _sample(points[..., 0], count, _by_coordinates(points), by_loops)


def furthest_points(
        points: Tensor,     # [N, 3] meters
        count: int,
) -> Tensor:                # [count] int64 rows
    """:func:`furthest_point_sampling` of one cloud, of equally far points the lowest row.

    A cloud of fewer points repeats them in the order in which they were chosen.

    Raises:
        ValueError: for a cloud without points.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.2.
    """
    chosen = _sample(points[None, :, 0], max(min(count, len(points)), 1),
                     _by_coordinates(points[None]), ties_by_row=True)[0].long()
    return chosen.repeat(-(-count // len(chosen)))[:count]


def _by_coordinates(points: Tensor) -> Callable[[Tensor], Callable[[Tensor], Tensor]]:
    """Distances among points [B, N, 3], as :func:`_sample` asks for them."""
    points = points.detach().float()

    def by_coordinates(order: Tensor) -> Callable[[Tensor], Tensor]:
        x, y, z = points[:, order].permute(2, 0, 1).contiguous()       # [B, N] each

        def distances(row: Tensor) -> Tensor:
            chosen = points.gather(1, row.view(-1, 1, 1).expand(-1, 1, 3))
            squared = (x - chosen[..., 0]).square_()
            for column, value in ((y, chosen[..., 1]), (z, chosen[..., 2])):
                difference = column - value
                squared.addcmul_(difference, difference)
            return squared
        return distances
    return by_coordinates


def furthest_point_sampling_with_distances(
        distances: Tensor,  # [B, N, N], from row to column
        count: int,
        backend: str = 'auto',
) -> Tensor:                # [B, count] int32 rows
    """:func:`furthest_point_sampling` by given distances, such as those of features.

    Raises:
        ValueError: for samples without points.
        BackendUnavailable: for another backend.

    Source: Yang et al., 3DSSD (CVPR 2020), section 3.1.
    """
    by_loops = choose_backend('furthest_point_sampling_with_distances', backend) == 'reference'
    distances = distances.detach()
    samples = torch.arange(len(distances), device=distances.device)

    def as_given(order: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda row: distances[samples, row][:, order]
    return _sample(distances.diagonal(dim1=1, dim2=2), count, as_given, by_loops)


def _sample(
        like: Tensor,       # [B, N]
        count: int,
        distances_in: Callable[[Tensor], Callable[[Tensor], Tensor]],
        by_loops: bool = False,
        ties_by_row: bool = False,
) -> Tensor:                # [B, count] int32
    """``distances_in(order)(rows [B])`` are the distances [B, N] from rows, in that order."""
    samples, size = like.shape
    if size == 0 and samples and count:
        raise ValueError(f'{count} points cannot be chosen from a cloud without points')
    chosen = torch.zeros(samples, count, dtype=torch.long, device=like.device)
    if samples == 0 or count == 0:
        return chosen.int()
    nearest = like.new_full((samples, size), FURTHEST)
    furthest = _compare_halves if by_loops else _first_furthest
    order = torch.arange(size, device=like.device) if by_loops or ties_by_row \
        else tie_order(size, like.device)
    distances_from = distances_in(order)
    for place in range(1, count):
        torch.fmin(nearest, distances_from(chosen[:, place - 1]), out=nearest)
        chosen[:, place] = order[furthest(nearest)]
    return chosen.int()


def _first_furthest(nearest: Tensor) -> Tensor:
    return nearest.argmax(1)  # the first of equals


def _compare_halves(nearest: Tensor) -> Tensor:
    """The definition: halves of the threads are compared until one is left."""
    threads = _threads(nearest.shape[1])
    rows = []
    for values in nearest.tolist():
        best = [max(range(thread, len(values), threads), key=lambda row: (values[row], -row))
                for thread in range(threads)]
        half = threads // 2
        while half:
            for thread in range(half):
                if values[best[thread + half]] > values[best[thread]]:
                    best[thread] = best[thread + half]
            half //= 2
        rows.append(best[0])
    return torch.tensor(rows, device=nearest.device)


def tie_order(size: int, device: torch.device | None = None) -> Tensor:  # [size] int64
    """Rows in the order in which they win ties."""
    threads = _threads(size)
    rows = torch.arange(size, device=device)
    thread, reverse = rows % threads, torch.zeros_like(rows)
    for _ in range(threads.bit_length() - 1):
        reverse, thread = reverse * 2 + thread % 2, thread // 2
    return (reverse * size + rows).argsort()


def _threads(size: int) -> int:
    return min(1 << int(math.log(size) / math.log(2)), MAX_THREADS)
