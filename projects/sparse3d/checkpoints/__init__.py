"""Checkpoints opened, given to a model, and converted from published ones."""
from sparse3d.checkpoints.conversion import Conversion, convert_checkpoint, refuse_unmatched
from sparse3d.checkpoints.reading import read_published

__all__ = [
    'Conversion',
    'convert_checkpoint',
    'read_published',
    'refuse_unmatched',
]
