"""Detectors, encoders, necks and heads that several plug-ins share."""
import sparse3d.compat.applied  # noqa: F401  (these parts rest on it)
