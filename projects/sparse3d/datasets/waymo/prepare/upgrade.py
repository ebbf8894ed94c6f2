"""Info files of mmdet3d before 1.1 for Waymo: they cannot be converted."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from sparse3d.errors import DataError
from sparse3d.preparation.info_upgrade import first_frame


def upgrade(old: Any, path: Path) -> NoReturn | None:
    """None for a file of another data set.

    Raises:
        DataError: for a file of Waymo.
    """
    first = first_frame(old)
    if not isinstance(old, Mapping) and ('pose' in first or 'P4' in first.get('calib', {})):
        raise DataError(f'{path} is an info file of Waymo, which is not converted, since it lacks '
                        f'what the metric needs; make it again with '
                        f'"sparse3d create-data waymo"')
    return None
