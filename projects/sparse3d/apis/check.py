"""Looks at whatever prepared data set a folder holds."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sparse3d.datasets.custom.check import check_custom
from sparse3d.datasets.kitti.check import check_kitti
from sparse3d.datasets.nuscenes.check import check_nuscenes
from sparse3d.datasets.waymo.check import check_waymo
from sparse3d.errors import DataError
from sparse3d.preparation.check_report import CheckReport

# info files by which a data set is recognized -> its check
CHECKS: dict[str, Callable[[Path], CheckReport]] = {
    'kitti_infos_*.pkl': check_kitti,
    'own_infos_*.pkl': check_custom,
    'nuscenes_infos_*.pkl': check_nuscenes,
    'waymo_infos_*.pkl': check_waymo,
    'kitti_format/waymo_infos_*.pkl': lambda root: check_waymo(root / 'kitti_format'),
}


def check_root(root: Path) -> list[CheckReport]:
    """Reports of every data set whose info files lie in a folder.

    Raises:
        DataError: if there is none.
    """
    reports = [check(root) for pattern, check in CHECKS.items() if any(root.glob(pattern))]
    if not reports:
        raise DataError(f'{root} holds no info file ({", ".join(CHECKS)}); make them with '
                        f'"sparse3d create-data kitti|nuscenes|waymo|custom {root}"')
    return reports
