"""What the loader of prepared Waymo files states in a config: columns."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparse3d.engine.agreement.statements import Reading, states

FILE_COLUMNS = 6  # of prepared files
COLUMNS = 5       # x, y, z, intensity, elongation; with several frames the age as well


@states('LoadWaymoPoints', reads_files=True)
def points(config: Mapping[str, Any]) -> Reading:
    """One column more with more than one frame: the age."""
    yield 'data.file_columns', FILE_COLUMNS, 'num_frames'
    yield 'data.columns', COLUMNS + (config['num_frames'] > 1), 'num_frames'
