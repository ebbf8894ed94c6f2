"""What VoxelKP's parts state about data and model, for the check of configs."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.model_statements import map_head, sparse_encoder
from sparse3d.engine.agreement.statements import Reading, states

states('SparseKeypointEncoder')(sparse_encoder)


@states('SparseKeypointHead')
def head(config: Mapping[str, Any]) -> Reading:
    """Map; people are the one class."""
    yield from map_head(config)
    yield 'model.num_classes', 1, 'type'
