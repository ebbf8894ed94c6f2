"""What the parts of SAFDNet and HEDNet state about data and model, for the check of configs."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.model_statements import coded_head, map_head, sparse_encoder
from sparse3d.engine.agreement.statements import Reading, states

states('HEDNetEncoder', 'SAFDNetEncoder')(sparse_encoder)
states('SparseTransFusionHead', 'HEDNetTransFusionHead')(coded_head)


@states('AdaptiveFeatureDiffusion')
def diffusion(config: Mapping[str, Any]) -> Reading:
    """Map, and classes of all groups."""
    yield from map_head(config['bbox_coder'], 'bbox_coder.')


@states('SparseCenterHead', 'HEDNetCenterHead')
def center_head(config: Mapping[str, Any]) -> Reading:
    """Map, and classes of all tasks in the order of their labels."""
    yield from map_head(config['bbox_coder'], 'bbox_coder.')
    names = [name for task in config['tasks'] for name in task]
    yield 'model.classes', names, 'tasks'
    yield 'model.num_classes', len(names), 'tasks'
