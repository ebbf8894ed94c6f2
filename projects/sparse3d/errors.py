"""Errors that a user can act on: one sentence that names the thing and the way out."""
from __future__ import annotations


class Sparse3DError(Exception):
    """Base of all errors raised on purpose by Sparse3D."""


class Sparse3DWarning(UserWarning):
    """What a user should know of a result: one sentence, said once."""


class DataError(Sparse3DError, ValueError):
    """A file, record or array that cannot be used as it is."""


class ConfigError(Sparse3DError, ValueError):
    """A config that cannot mean what it says."""


class CheckpointError(Sparse3DError, RuntimeError):
    """A checkpoint that does not belong to this model or is damaged."""


class BackendUnavailable(Sparse3DError, RuntimeError):
    """A backend asked for by name that this machine or tensor cannot use."""


class PluginError(Sparse3DError, LookupError):
    """A plug-in or data set that is not installed, is broken, or clashes with another."""


class OutOfMemory(Sparse3DError, RuntimeError):
    """A GPU without enough memory for what it was asked to do."""
