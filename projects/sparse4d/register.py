"""Registers what configs name of sparse4d: detector, heads, data and training."""
import sparse3d.register  # noqa: F401, I001  (first: repairs the stack, registers the core)

import sparse4d.config_statements  # noqa: F401
from sparse3d.structures.camera_frame import CameraFrame
from sparse4d.depth_branch import DepthBranch
from sparse4d.depth_maps import DepthMaps
from sparse4d.detector import Sparse4D
from sparse4d.frames_head import Sparse4DFramesHead
from sparse4d.frames_training import Sparse4DFramesTraining
from sparse4d.head import Sparse4DHead
from sparse4d.sequence_augmentation import AugmentSequenceImages, TurnScene
from sparse4d.sequence_sampler import SequenceBatchSampler, SequenceSampler
from sparse4d.training import Sparse4DTraining
from sparse4d.training_objects import KeepNearObjects, LoadTrackIds

__all__ = [
    'AugmentSequenceImages',
    'CameraFrame',
    'DepthBranch',
    'DepthMaps',
    'KeepNearObjects',
    'LoadTrackIds',
    'SequenceBatchSampler',
    'SequenceSampler',
    'Sparse4D',
    'Sparse4DFramesHead',
    'Sparse4DFramesTraining',
    'Sparse4DHead',
    'Sparse4DTraining',
    'TurnScene',
]
