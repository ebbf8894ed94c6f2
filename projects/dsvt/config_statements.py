"""What DSVT's parts state about data and model, for the check of configs."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.model_statements import coded_head
from sparse3d.engine.agreement.statements import Reading, states


@states('DSVTEncoder')
def middle_encoder(config: Mapping[str, Any]) -> Reading:
    """Cells, given along x, y, z."""
    shape = config.get('grid_shape')
    yield 'model.sparse_shape', None if shape is None else list(shape)[::-1], 'grid_shape'


states('IoUCenterHead')(coded_head)
