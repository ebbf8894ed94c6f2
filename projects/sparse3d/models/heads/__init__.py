"""Heads: from the BEV map to boxes."""
from sparse3d.models.heads.batched_anchor_head import BatchedAnchorHead
from sparse3d.models.heads.moving_center_head import MovingCenterHead
from sparse3d.models.heads.static_center_head import StaticCenterHead
from sparse3d.models.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.models.heads.transfusion_decoder import MapDecoderLayer
from sparse3d.models.heads.transfusion_head import TransFusionHead

__all__ = [
    'BatchedAnchorHead',
    'MapDecoderLayer',
    'MovingCenterHead',
    'StaticCenterHead',
    'TransFusionBoxCoder',
    'TransFusionHead',
]
