"""What the parts of Focals Conv state about data and model, for the check of configs."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.model_statements import range_and_voxels, sparse_encoder
from sparse3d.engine.agreement.statements import Reading, states

states('FocalSparseEncoder')(sparse_encoder)
states('FocalSparseEncoder', 'VoxelRoIPooling', 'KeypointEncoder')(range_and_voxels)


@states('KeypointEncoder')
def raw_points(config: Mapping[str, Any]) -> Reading:
    """What a point has beside x, y, z."""
    more = (config.get('points') or {}).get('in_channels')
    yield 'model.columns', None if more is None else more + 3, 'points.in_channels'
