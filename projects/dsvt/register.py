"""Registers what configs name of dsvt: its detectors, layers, transforms and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS

import dsvt.config_statements  # noqa: F401
from dsvt.dsvt_encoder import DSVTEncoder
from dsvt.iou_center_head import IoUCenterHead
from dsvt.neighborhood_decoder import NeighborhoodDecoderLayer
from dsvt.residual_bev_backbone import ResidualBEVBackbone
from sparse3d.engine.leaf_optimizer import LeafOptimWrapperConstructor

__all__ = ['DSVTEncoder', 'IoUCenterHead', 'LeafOptimWrapperConstructor',
           'NeighborhoodDecoderLayer', 'ResidualBEVBackbone']

# Its name in configs of before.
OPTIM_WRAPPER_CONSTRUCTORS.register_module(
    name='DSVTOptimWrapperConstructor', module=LeafOptimWrapperConstructor, force=True)
