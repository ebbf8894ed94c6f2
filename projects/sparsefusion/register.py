"""Registers what configs name of sparsefusion: its detectors, layers, transforms and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import sparsefusion.config_statements  # noqa: F401
from sparsefusion.fusion_output import FusionOutput
from sparsefusion.sparsefusion_detector import SparseFusion
from sparsefusion.sparsefusion_head import SceneInput, SparseFusionHead

__all__ = ['FusionOutput', 'SceneInput', 'SparseFusion', 'SparseFusionHead']
