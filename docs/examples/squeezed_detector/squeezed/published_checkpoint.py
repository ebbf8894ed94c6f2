"""Weights as the authors published them, turned into those of this plug-in."""
from __future__ import annotations

from collections.abc import Mapping

from mmdet3d.registry import MODELS
from mmengine.registry import init_default_scope
from torch import Tensor

from sparse3d.apis import load_config
from sparse3d.checkpoints import Conversion, refuse_unmatched

CONFIG = 'squeezed_simulated_kitti_car'
RENAMED = {'se.reduce.': 'squeeze.excite.0.', 'se.expand.': 'squeeze.excite.2.'}


def convert(published: Mapping[str, Tensor], config: str | None = None) -> Conversion:
    """Rename the published tensors, and switch on what their training did differently.

    Raises:
        CheckpointError: for tensors that are unknown or missing.
    """
    config = config or CONFIG
    weights = {_renamed(name): value for name, value in published.items()}
    init_default_scope('mmdet3d')
    wanted = MODELS.build(load_config(config).model).state_dict()
    refuse_unmatched([name for name in weights if name not in wanted],
                     [name for name in wanted if name not in weights])
    return Conversion(weights, config, {'hard_sigmoid': True},
                      ['trained by the authors on simulated drives'])


def _renamed(name: str) -> str:
    for old, new in RENAMED.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
