"""Heads: from the BEV map to boxes."""
from sparse3d.heads.moving_center_head import MovingCenterHead
from sparse3d.heads.static_center_head import StaticCenterHead
from sparse3d.heads.transfusion_box_coder import TransFusionBoxCoder
from sparse3d.heads.transfusion_decoder import MapDecoderLayer
from sparse3d.heads.transfusion_head import TransFusionHead

__all__ = ['MapDecoderLayer', 'MovingCenterHead', 'StaticCenterHead', 'TransFusionBoxCoder',
           'TransFusionHead']
