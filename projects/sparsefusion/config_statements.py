"""What SparseFusion's parts state about data and model, for the check of configs."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.model_statements import map_head
from sparse3d.engine.agreement.statements import Reading, states


@states('SparseFusionHead')
def head(config: Mapping[str, Any]) -> Reading:
    """Map and number of classes."""
    yield from map_head(config)
    yield 'model.num_classes', config.get('num_classes'), 'num_classes'
