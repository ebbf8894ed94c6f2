"""Backbones of images that several plug-ins may have; ResNets are those of mmdet."""
from sparse3d.models.backbones.eva02 import EVA02
from sparse3d.models.backbones.object_seeking import ObjectSeeking
from sparse3d.models.backbones.simple_feature_pyramid import SimpleFeaturePyramid
from sparse3d.models.backbones.sparse_swin import SparseSwin
from sparse3d.models.backbones.vovnet import VoVNet

__all__ = [
    'EVA02',
    'ObjectSeeking',
    'SimpleFeaturePyramid',
    'SparseSwin',
    'VoVNet',
]
