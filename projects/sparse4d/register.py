"""Registers what configs name of sparse4d: its detector, heads and depth branch."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

from sparse4d.depth_branch import DepthBranch
from sparse4d.detector import Sparse4D
from sparse4d.frames_head import Sparse4DFramesHead
from sparse4d.head import Sparse4DHead

__all__ = [
    'DepthBranch',
    'Sparse4D',
    'Sparse4DFramesHead',
    'Sparse4DHead',
]
