"""Sparse4D: multi-camera detection and tracking with instances that live on (v1, v2, v3).

Importing it is light: its contract is read from here without torch. An attribute, or
``import sparse4d.register`` (in a config ``custom_imports``), registers what configs name.
"""
from sparse3d_cli.own_package import require_own_package

require_own_package()

from sparse3d.plugins import registered_attribute  # noqa: E402

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
    'Sparse4DHead',
    'Sparse4DTraining',
    'TurnScene',
]


def __getattr__(name: str) -> object:
    return registered_attribute(__name__, name, __all__)
