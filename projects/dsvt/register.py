"""Registers what configs name of dsvt: its detectors, layers, transforms and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import dsvt.config_statements  # noqa: F401
from dsvt.dsvt_encoder import DSVTEncoder
from dsvt.iou_center_head import IoUCenterHead
from dsvt.neighborhood_decoder import NeighborhoodDecoderLayer
from dsvt.published_optimizer import DSVTOptimWrapperConstructor, PublishedLeafOptimWrapper
from dsvt.residual_bev_backbone import ResidualBEVBackbone

__all__ = ['DSVTEncoder', 'DSVTOptimWrapperConstructor', 'IoUCenterHead',
           'NeighborhoodDecoderLayer', 'PublishedLeafOptimWrapper', 'ResidualBEVBackbone']
