"""What Sparse4D's parts state about data and model, for the check of configs."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.statements import Reading, states


@states('Sparse4DHead', 'Sparse4DFramesHead')
def head(config: Mapping[str, Any]) -> Reading:
    """Classes. There is no range: anchors move wherever the images lead them."""
    yield 'model.num_classes', config.get('num_classes'), 'num_classes'
