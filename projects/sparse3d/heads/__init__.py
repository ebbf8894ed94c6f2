"""Heads: from the bird's-eye map to boxes."""
from sparse3d.heads.static_center_head import StaticCenterHead

__all__ = ['StaticCenterHead']
