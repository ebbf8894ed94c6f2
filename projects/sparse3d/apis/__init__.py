"""What the command lines and a user's own Python call."""
from sparse3d.apis.build_model import build_model
from sparse3d.apis.detections import Detections
from sparse3d.apis.detector import Detector, load_detector
from sparse3d.apis.load_config import load_config
from sparse3d.apis.test import test
from sparse3d.apis.train import TrainingResult, train
from sparse3d.apis.visualize import visualize

__all__ = ['Detections', 'Detector', 'TrainingResult', 'build_model', 'load_config',
           'load_detector', 'test', 'train', 'visualize']
