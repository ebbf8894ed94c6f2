"""Registers what configs name of sparse4d: its detector and its heads."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

from sparse4d.detector import Sparse4D
from sparse4d.frames_head import Sparse4DFramesHead
from sparse4d.head import Sparse4DHead

__all__ = [
    'Sparse4D',
    'Sparse4DFramesHead',
    'Sparse4DHead',
]
