"""What losses of queries are divided by."""
from __future__ import annotations

from mmdet.utils import reduce_mean
from torch import Tensor


def mean_count(count: Tensor) -> Tensor:
    """Mean over all devices of a number of positives, at least 1; the host need not know it."""
    return reduce_mean(count.float().sum()).clamp(min=1)
