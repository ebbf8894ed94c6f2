"""SparseBEV: 3D object detection from multi-camera videos (ICCV 2023)."""
import sparse3d  # noqa: F401, I001  (first: repairs the stack, registers the core)

from sparsebev.head import SparseBEVHead

__all__ = ['SparseBEVHead']
