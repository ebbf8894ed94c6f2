"""mmdet3d's sparse encoder with pruned convolutions, for mmdet3d's own detectors."""
from __future__ import annotations

from mmdet3d.models.middle_encoders import SparseEncoder
from mmdet3d.registry import MODELS

from sparse3d.argument_objects import argument_object
from sparse3d.models.layers.pruned_convolution import prune_convolutions
from sparse3d.ops.pruning_options import PruningOptions


@MODELS.register_module()
class PrunedSparseEncoder(SparseEncoder):
    """``SparseEncoder`` with SPS-Conv's convolutions; weights have the same names and shapes.

    Detectors of this project take ``pruning`` with any sparse encoder; this class is for those of
    mmdet3d.

    Args:
        args, kwargs: of ``SparseEncoder``.
        pruning: see :class:`~sparse3d.ops.pruning_options.PruningOptions`.

    Source: SPS-Conv (NeurIPS 2022).
    """

    argument_objects = dict(pruning=PruningOptions)

    def __init__(self, *args, pruning: dict | PruningOptions | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        prune_convolutions(self, argument_object(self, 'pruning', pruning))
