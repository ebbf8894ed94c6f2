"""The matrix that a 1x1 convolution of spconv 2.x really multiplies with.

Wrong upstream (spconv 2.0 to 2.3.8, issues 450 and 772 of traveller59/spconv): the weight of a
1x1 convolution is stored as ``[out, 1, 1, in]`` like all others, but read as if it were
``[in, out]``. Published weights were trained that way. In terms of the stored numbers the
effective matrix is ``W_eff[o, i] = weight.flatten()[i * out + o]``; only with one input or one
output channel is that the matrix one sees.

Repair: the layout is made explicit. A layer keeps spconv's reading (``'spconv'``), so that
published weights give published results on the CPU and the GPU, unless it is told, with
:func:`set_pointwise_layout`, that its weight is stored as it is shown (``'plain'``), which then
holds on every device. :func:`effective_matrix` and :func:`stored_weight` convert, for
checkpoints that go to or come from a ``Linear`` or a dense 1x1 convolution.
"""
from __future__ import annotations

from functools import wraps

from spconv.pytorch.conv import SparseConvolutionBase
from torch import Tensor, nn

from sparse3d.errors import ConfigError

LAYOUTS = ('spconv', 'plain')
MARK = 'pointwise_layout'


def apply_patch() -> None:
    """Let 1x1 sparse convolutions obey :func:`set_pointwise_layout`."""
    upstream = SparseConvolutionBase._conv_forward
    if hasattr(upstream, MARK):
        return

    @wraps(upstream)
    def forward(self, training, input, weight, *args, **kwargs):
        if self.conv1x1 and getattr(self, MARK, 'spconv') == 'plain':
            weight = stored_weight(weight.flatten(1), self.ndim)
        return upstream(self, training, input, weight, *args, **kwargs)

    setattr(forward, MARK, True)
    SparseConvolutionBase._conv_forward = forward


def effective_matrix(weight: Tensor) -> Tensor:
    """The matrix [out, in] that spconv multiplies with, from a stored weight [out, 1, ..., in].

    ``Linear(in, out).weight = effective_matrix(weight)`` gives the layer's published result.

    Raises:
        ValueError: if the weight is not that of a 1x1 convolution.
    """
    if weight[0, ..., 0].numel() != 1:
        raise ValueError(f'a weight of shape {list(weight.shape)} is not of a 1x1 convolution')
    return weight.reshape(weight.shape[-1], weight.shape[0]).T


def stored_weight(matrix: Tensor, ndim: int) -> Tensor:
    """The weight [out, 1, ..., in] that spconv must store to multiply with ``matrix`` [out, in].

    The inverse of :func:`effective_matrix`; ``ndim`` is 2 or 3, the number of kernel axes.
    """
    outputs, inputs = matrix.shape
    return matrix.T.reshape(outputs, *[1] * ndim, inputs)


def set_pointwise_layout(model: nn.Module, layout: str) -> int:
    """Tell every 1x1 sparse convolution in ``model`` how its weight is stored.

    Args:
        layout: ``'spconv'``, as in all published checkpoints, or ``'plain'``, as it is shown.

    Returns:
        The number of layers told.

    Raises:
        ConfigError: if the layout is neither.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f'the layout of 1x1 sparse weights is one of {LAYOUTS}, not {layout!r}')
    layers = [module for module in model.modules()
              if isinstance(module, SparseConvolutionBase) and module.conv1x1]
    for layer in layers:
        setattr(layer, MARK, layout)
    return len(layers)
