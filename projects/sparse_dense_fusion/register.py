"""Registers what configs name of sparse_dense_fusion: its detector and the parts of it."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

from sparse_dense_fusion.camera_lift import CameraLift
from sparse_dense_fusion.detector import SparseDenseFusion
from sparse_dense_fusion.map_fusion import MapFusion
from sparse_dense_fusion.query_fusion import QueryFusion

__all__ = ['CameraLift', 'MapFusion', 'QueryFusion', 'SparseDenseFusion']
