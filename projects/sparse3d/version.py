"""The version of Sparse3D, stamped into info files and checkpoints."""

__version__ = '0.2.0'
