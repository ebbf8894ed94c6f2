"""The focal loss of heat maps, on dense maps and on sparse cells."""
from __future__ import annotations

from mmdet.models.losses.gaussian_focal_loss import gaussian_focal_loss
from torch import Tensor

from sparse3d.models.layers.precision import at_least_float32

SURE = 1e-4        # probabilities stay this far from 0 and 1
RARE_BIAS = -2.19  # logit of about one in ten: what heat maps and classes start with


def heatmap_loss(
        logits: Tensor,                 # any shape
        target: Tensor,                 # the same, 0 to 1; exactly 1 at objects
        weights: Tensor | None = None,  # the same, 0 or more
        count: Tensor | None = None,    # []
) -> Tensor:                            # []
    """Focal loss that punishes heat near an object less, divided by the number of objects.

    No mask is read back by the host. A logit that is NaN gives NaN.

    Args:
        weights: of each cell; all count alike without.
        count: of the objects, at least 1; default: ones of ``target`` on this device.

    Source: CornerNet (ECCV 2018), equation 1, alpha 2, beta 4.
    """
    probability = at_least_float32(logits).sigmoid().clamp(SURE, 1 - SURE)
    if count is None:
        count = number_of_peaks(target).clamp(min=1)
    return gaussian_focal_loss(probability, target, weights, reduction='sum') / count


def number_of_peaks(target: Tensor) -> Tensor:
    """Cells that are exactly 1."""
    return (target == 1).sum()
