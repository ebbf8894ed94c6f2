"""Sparse-Dense Fusion: queries and map both look into the cameras, in the style of SDF (IROS 2023).

The paper has no public code; the README says which parts are inferred. Importing it is light: its
contract is read from here without torch. An attribute, or ``import sparse_dense_fusion.register``
(in a config ``custom_imports``), registers what configs name.
"""
from sparse3d_cli.own_package import require_own_package

require_own_package()

from sparse3d.plugins import registered_attribute  # noqa: E402

__all__ = ['CameraLift', 'MapFusion', 'QueryFusion', 'SparseDenseFusion']


def __getattr__(name: str) -> object:
    return registered_attribute(__name__, name, __all__)
