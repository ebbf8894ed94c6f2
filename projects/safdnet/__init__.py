"""SAFDNet (CVPR 2024) and HEDNet (NeurIPS 2023): sparse encoder-decoders, detection far away.

Importing it is light: its contract is read from here without torch. An attribute, or
``import safdnet.register`` (in a config ``custom_imports``), registers what configs name.
"""
from sparse3d_cli.own_package import require_own_package

require_own_package()

from sparse3d.plugins import registered_attribute  # noqa: E402

__all__ = ['AdaptiveFeatureDiffusion', 'DenseEncoderDecoders', 'HEDNetCenterHead', 'HEDNetEncoder',
           'HEDNetTransFusionHead', 'SAFDNet', 'SAFDNetEncoder', 'SparseCenterHead',
           'SparseTransFusionHead']


def __getattr__(name: str) -> object:
    return registered_attribute(__name__, name, __all__)
