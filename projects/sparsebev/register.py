"""Registers what configs name of sparsebev: its detectors, layers, transforms and statements."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import sparsebev.config_statements  # noqa: F401
from sparsebev.detector import SparseBEV
from sparse3d.models.backbones import EVA02, SimpleFeaturePyramid, VoVNet
from sparse3d.structures.camera_frame import CameraFrame
from sparsebev.head import SparseBEVHead
from sparse3d.models.video_preprocessor import VideoPreprocessor
from sparsebev.streaming import VideoStream

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
