"""What the loader of Argoverse 2's sweeps states in a config: columns."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.statements import Reading, states

COLUMNS = 4  # x, y, z, intensity; with several frames the age as well


@states('LoadArgoverse2Points', reads_files=True)
def points(config: Mapping[str, Any]) -> Reading:
    """One column more with more than one frame: the age."""
    yield 'data.columns', COLUMNS + (config['num_frames'] > 1), 'num_frames'
