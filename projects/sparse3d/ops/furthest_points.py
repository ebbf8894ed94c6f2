"""Points spread over a cloud: each as far as can be from those before it."""
from __future__ import annotations

import torch
from torch import Tensor


def furthest_points(
        points: Tensor,     # [N, 3] meters
        count: int,
) -> Tensor:                # [count] int64 rows
    """Choose the first point, then again and again the one furthest from all chosen.

    Of equally far points the lowest row is taken. A cloud of fewer points repeats them in
    the order in which they were chosen.

    Raises:
        ValueError: for a cloud without points.

    Source: Qi et al., PointNet++ (NeurIPS 2017), section 3.2.
    """
    if len(points) == 0:
        raise ValueError('no point can be chosen from a cloud without points')
    columns = points.detach().float().t().contiguous()                 # [3, N]
    distance = torch.full((len(points),), torch.inf, device=points.device)
    chosen = torch.zeros(min(count, len(points)), dtype=torch.long, device=points.device)
    for place in range(1, len(chosen)):
        step = columns - columns[:, chosen[place - 1], None]
        torch.minimum(distance, step.square_().sum(0), out=distance)
        chosen[place] = distance.argmax()
    return chosen.repeat(-(-count // len(chosen)))[:count]
