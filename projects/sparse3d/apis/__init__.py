"""What the command lines and a user's own Python call."""
import sparse3d.register  # noqa: F401
from sparse3d.apis.detector import Detector, load_detector
from sparse3d.apis.test import test
from sparse3d.apis.train import TrainingResult, train
from sparse3d.apis.visualize import visualize
from sparse3d.engine.build_model import build_model
from sparse3d.engine.load_config import load_config
from sparse3d.structures.detections import Detections

__all__ = ['Detections', 'Detector', 'TrainingResult', 'build_model', 'load_config',
           'load_detector', 'test', 'train', 'visualize']
