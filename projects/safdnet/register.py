"""Registers what configs name of safdnet: its detector, encoders, heads and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import safdnet.config_statements  # noqa: F401
from safdnet.dense_encoder_decoder import DenseEncoderDecoders
from safdnet.detector import SAFDNet
from safdnet.feature_diffusion import AdaptiveFeatureDiffusion
from safdnet.hednet_center_head import HEDNetCenterHead
from safdnet.hednet_transfusion_head import HEDNetTransFusionHead
from safdnet.sparse_center_head import SparseCenterHead
from safdnet.sparse_encoder import HEDNetEncoder, SAFDNetEncoder
from safdnet.sparse_transfusion_head import SparseTransFusionHead
from sparse3d.engine.leaf_optimizer import LeafOptimWrapperConstructor

__all__ = ['AdaptiveFeatureDiffusion', 'DenseEncoderDecoders', 'HEDNetCenterHead', 'HEDNetEncoder',
           'HEDNetTransFusionHead', 'LeafOptimWrapperConstructor', 'SAFDNet', 'SAFDNetEncoder',
           'SparseCenterHead', 'SparseTransFusionHead']
