"""``check`` of prepared parking lots."""
from __future__ import annotations

from pathlib import Path

from sparse3d.preparation.check_report import CheckReport
from sparse3d.transforms.info_files import read_info_file


def check(folder: Path) -> CheckReport:
    """Absent clouds, and cars without a point, as problems.

    Raises:
        DataError: for an info file that cannot be read.
    """
    report = CheckReport(f'parking lots at {folder}')
    for path in sorted(folder.glob('parking_lot_infos_*.pkl')):
        entries = read_info_file(path, 'parking_lot')['data_list']
        cars = [car for entry in entries for car in entry['instances']]
        report.fact(f'{path.name}: {len(entries)} frames, {len(cars)} cars')
        names = [entry['lidar_points']['lidar_path'] for entry in entries]
        report.problems_of('clouds are absent',
                           [name for name in names if not (folder / name).is_file()])
        report.problems_of('frames have cars without a point', [
            entry['sample_idx'] for entry in entries
            if any(car['num_lidar_pts'] == 0 for car in entry['instances'])])
    return report
