"""Published checkpoints to ours."""
from sparse3d.published.conversion import Conversion, convert_checkpoint, refuse_unmatched
from sparse3d.published.reading import read_published

__all__ = ['Conversion', 'convert_checkpoint', 'read_published', 'refuse_unmatched']
