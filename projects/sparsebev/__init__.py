"""SparseBEV: 3D object detection from multi-camera videos (ICCV 2023)."""
import sparse3d  # noqa: F401, I001  (first: repairs the stack, registers the core)

from sparsebev.detector import SparseBEV
from sparsebev.head import SparseBEVHead
from sparsebev.image_preprocessor import VideoPreprocessor
from sparsebev.streaming import CameraFrame, VideoStream

__all__ = ['CameraFrame', 'SparseBEV', 'SparseBEVHead', 'VideoPreprocessor', 'VideoStream']
