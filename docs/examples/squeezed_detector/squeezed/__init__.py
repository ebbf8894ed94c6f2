"""Squeeze and excitation for detectors on voxels."""
