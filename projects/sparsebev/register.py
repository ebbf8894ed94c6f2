"""Registers what configs name of sparsebev: its detectors, layers, transforms and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import sparsebev.config_statements  # noqa: F401
from sparsebev.detector import SparseBEV
from sparsebev.eva02 import EVA02
from sparsebev.camera_frame import CameraFrame
from sparsebev.head import SparseBEVHead
from sparsebev.image_preprocessor import VideoPreprocessor
from sparsebev.simple_feature_pyramid import SimpleFeaturePyramid
from sparsebev.streaming import VideoStream
from sparsebev.vovnet import VoVNet

__all__ = [
    'CameraFrame',
    'EVA02',
    'SimpleFeaturePyramid',
    'SparseBEV',
    'SparseBEVHead',
    'VideoPreprocessor',
    'VideoStream',
    'VoVNet',
]
